package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/bytesize"
)

// Bounds that configuration values must keep, because beyond them lies a typing
// error rather than an intention.
const (
	maxName     = 64
	maxCookie   = 32 // evcpe keeps a cookie in 513 bytes, name and all (quirk C-06)
	maxDuration = 24 * time.Hour
	maxCount    = 10_000_000
	maxRate     = 1_000_000
	maxHeader   = bytesize.MB
	maxBody     = bytesize.GB
)

// reporter is a report function with the checks that several sections share.
type reporter func(key, value, problem string)

func (r reporter) name(key, value string) {
	letter := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.", c)
	}
	switch {
	case value == "":
		r(key, "", "is missing")
	case strings.IndexFunc(value, func(c rune) bool { return !letter(c) }) >= 0:
		r(key, value, "is not a name: use letters, digits, - _ and .")
	case len(value) > maxName:
		r(key, value, "is longer than "+strconv.Itoa(maxName)+" characters")
	}
}

func (r reporter) address(key, value string) {
	if value == "" {
		r(key, "", `is missing, write host:port, or ":7547" for every address`)
		return
	}
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		r(key, value, addressRemedy(value))
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		r(key, value, "has a port that is not a number from 0 to 65535")
	} else if n == 0 && host == "" {
		r(key, value, `names neither a host nor a port, write host:port, or ":7547" for every address`)
	}
	if host != "" && !hostname(host) {
		r(key, value, "has a host that is neither a name nor an IP address")
	}
}

// addressRemedy says what to write instead of an address without a port.
func addressRemedy(value string) string {
	if n, err := strconv.ParseUint(value, 10, 16); err == nil {
		return `is not host:port, write ":` + strconv.FormatUint(n, 10) + `" for every address`
	}
	if ip, err := netip.ParseAddr(strings.Trim(value, "[]")); err == nil {
		return `has no port, write "` + net.JoinHostPort(ip.String(), "7547") + `"`
	}
	return `is not host:port, nor ":7547" for every address`
}

func (r reporter) network(key, value string) {
	if _, err := netip.ParseAddr(value); err == nil {
		return
	}
	if _, err := netip.ParsePrefix(value); err != nil {
		r(key, value, "is not an address or a network such as 10.0.0.0/8")
	}
}

// url checks the URL of an ACS and returns its scheme, "" when it is no good.
func (r reporter) url(value string) (scheme string) {
	if value == "" {
		r("url", "", "is missing, write one such as http://10.0.0.5:7547/cwmp")
		return ""
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		r("url", value, "is not a URL such as http://10.0.0.5:7547/cwmp")
	case u.User != nil:
		r("url", u.Redacted(), "must not hold a user name or password: CPEs bring their own")
	case !validHost(u.Host):
		r("url", value, "has no valid host")
	case u.Fragment != "":
		r("url", value, "must not have a #fragment")
	default:
		return u.Scheme
	}
	return ""
}

func (r reporter) clientTLS(c *UpstreamConfig) {
	if c.RootCAFile != "" {
		pem, err := os.ReadFile(c.RootCAFile)
		if err != nil {
			r("root_ca_file", c.RootCAFile, unreadable(err))
		} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			r("root_ca_file", c.RootCAFile, "holds no certificate in PEM form")
		}
	}
	if c.ServerName != "" && !hostname(c.ServerName) {
		r("server_name", c.ServerName, "is neither a name nor an IP address")
	}
	switch {
	case c.CertFile != "" && c.KeyFile == "":
		r("key_file", "", "is missing: cert_file needs the private key of the certificate")
	case c.KeyFile != "" && c.CertFile == "":
		r("cert_file", "", "is missing: key_file needs the certificate of the private key")
	case c.CertFile != "":
		r.keyPair(c.CertFile, c.KeyFile)
	}
}

func (r reporter) keyPair(certFile, keyFile string) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		r("cert_file", certFile, unreadable(err))
	}
	key, keyErr := os.ReadFile(keyFile)
	if keyErr != nil {
		r("key_file", keyFile, unreadable(keyErr))
	}
	if err != nil || keyErr != nil {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		r("cert_file", certFile, "does not go with key_file: "+strings.TrimPrefix(err.Error(), "tls: "))
	}
}

// noTLS reports the keys of an https URL beside one of http: whoever wrote them
// believes that the way to the ACS is protected.
func (r reporter) noTLS(c *UpstreamConfig) {
	const needs = "has no effect without an https url"
	for _, key := range []struct{ name, value string }{
		{"root_ca_file", c.RootCAFile}, {"cert_file", c.CertFile}, {"key_file", c.KeyFile}, {"server_name", c.ServerName},
	} {
		if key.value != "" {
			r(key.name, key.value, needs)
		}
	}
	if c.InsecureSkipVerify {
		r("insecure_skip_verify", "true", needs)
	}
}

func (r reporter) oneOf(key, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	r(key, value, "is not one of "+strings.Join(allowed, ", "))
}

func (r reporter) count(key string, value, least int) {
	switch {
	case value < least:
		r(key, strconv.Itoa(value), "must be at least "+strconv.Itoa(least))
	case value > maxCount:
		r(key, strconv.Itoa(value), "must be at most "+strconv.Itoa(maxCount))
	}
}

func (r reporter) rate(key string, value float64) {
	text := strconv.FormatFloat(value, 'f', -1, 64)
	switch {
	case !(value >= 0):
		r(key, text, "must be at least 0")
	case value > maxRate:
		r(key, text, "must be at most "+strconv.Itoa(maxRate))
	}
}

func (r reporter) duration(key string, value, least time.Duration) {
	switch {
	case value < least:
		r(key, value.String(), "must be at least "+least.String())
	case value > maxDuration:
		r(key, value.String(), "must be at most 24h")
	}
}

func (r reporter) size(key string, value, least, most bytesize.Size) {
	switch {
	case value < least:
		r(key, value.String(), "must be at least "+least.String())
	case value > most:
		r(key, value.String(), "must be at most "+most.String())
	}
}

// validHost tells whether host, or host:port, can stand in a Host header.
func validHost(value string) bool {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		host, port = value, "80"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && hostname(strings.Trim(host, "[]"))
}

// hostname tells whether s is an IP address or can be a DNS name; underscores
// occur in the names of container networks.
func hostname(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.IsValid()
	}
	return s != "" && len(s) <= 253 && !strings.HasPrefix(s, ".") && !strings.Contains(s, "..") &&
		strings.IndexFunc(s, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
		}) < 0
}

// token tells whether s is a token of RFC 9110 section 5.6.2.
func token(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	}) < 0
}

// unreadable says why a named file cannot be read, without repeating its name.
func unreadable(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return "cannot be read: " + err.Error()
}
