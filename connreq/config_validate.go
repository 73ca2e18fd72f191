package connreq

import (
	"strconv"
	"strings"
	"time"
)

// Bounds that configuration values must keep, because beyond them lies a typing
// error rather than an intention.
const (
	maxCount      = 10_000_000
	maxConcurrent = 100_000
	maxCopies     = 10
	maxWait       = 10 * time.Minute
	maxInterval   = 24 * time.Hour
)

// Validate reports every problem of the `connection_request` section; keys are
// relative to it. Defaults must be filled in. It reads the file that stun_relay
// names.
func (c *Config) Validate(report func(key, value, problem string)) {
	r := reporter(report)
	r.urlBase(c.URLBase)
	r.endpoint(c)
	r.acsNetworks(c)
	r.oneOf("answer", c.Answer, AnswerSent, AnswerSession)
	r.duration("timeout", c.Timeout, time.Second, maxWait)
	r.duration("min_interval", c.MinInterval, time.Second, maxInterval)
	r.count("max", c.Max, maxCount)
	if c.UDP.Disabled && c.HTTP.Disabled {
		r("http.disabled", "true", "leaves no way to reach a CPE, for udp is disabled as well")
	}
	c.UDP.validate(r.within("udp."), c.Timeout)
	c.HTTP.validate(r.within("http."))
	if c.Relay != nil {
		c.Relay.validate(r.within("relay."))
	}
	if c.STUNRelay != nil {
		c.STUNRelay.validate(r.within("stun_relay."))
	}
}

func (c *UDPConfig) validate(r reporter, timeout time.Duration) {
	if len(c.Copies) == 0 && !c.Disabled {
		r("copies", "[]", "is empty: write at least 0s, or disabled: true")
	}
	if len(c.Copies) > maxCopies {
		r("copies", strconv.Itoa(len(c.Copies)), "has more than "+strconv.Itoa(maxCopies)+" copies")
	}
	for i, at := range c.Copies {
		key := "copies[" + strconv.Itoa(i) + "]"
		switch {
		case at < 0:
			r(key, at.String(), "must be at least 0s")
		case i > 0 && at <= c.Copies[i-1]:
			r(key, at.String(), "must be later than the copy before, "+c.Copies[i-1].String())
		case at >= timeout:
			r(key, at.String(), "is not before timeout, "+timeout.String()+": it would never leave")
		}
	}
}

func (c *HTTPConfig) validate(r reporter) {
	r.duration("timeout", c.Timeout, 100*time.Millisecond, maxWait)
	r.count("concurrent", c.Concurrent, maxConcurrent)
	for i, network := range c.AllowNetworks {
		r.network("allow_networks["+strconv.Itoa(i)+"]", network)
	}
}

func (c *RelayConfig) validate(r reporter) {
	listen := r.relayListen(c.Listen)
	switch {
	case c.Host == "" && c.Ports == "":
		r("host", "", `is missing: write a name such as "*.udp.example.net", or ports: "20000-29999"`)
	case c.Host != "" && c.Ports != "":
		r("ports", c.Ports, "cannot stand beside host: one of them tells the devices apart")
	case c.Host != "":
		r.relayHost(c.Host)
	default:
		if _, _, err := parsePorts(c.Ports); err != nil {
			r("ports", c.Ports, err.Error())
		}
	}
	r.relayAddress(c, listen)
}

func (c *STUNRelayConfig) validate(r reporter) {
	if c.Username == "" {
		r("username", "", "is missing")
	} else if strings.Contains(c.Username, ":") {
		r("username", c.Username, "must not contain a colon, which ends a user name in Basic authentication")
	}
	if c.PasswordFile == "" {
		r("password_file", "", "is missing: name a file that holds the password")
	} else if _, err := readPassword(c.PasswordFile); err != nil {
		r("password_file", c.PasswordFile, err.Error())
	}
}
