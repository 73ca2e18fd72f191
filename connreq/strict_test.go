package connreq

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// strictUDP is a CPE that validates UDP Connection Requests as strictly as one of the clients
// that ship, written after what is known of each of them.
type strictUDP struct {
	name               string
	username, password string
	accepts            func(c *strictUDP, datagram string, now time.Time) bool

	// What the client remembers until it restarts.
	lastTS   int64
	lastID   string
	accepted time.Time
	ignored  string // why the last datagram did not wake it
}

// strictUDPs returns one of each client.
func strictUDPs(username, password string) []*strictUDP {
	list := []*strictUDP{
		{name: "RDK", accepts: (*strictUDP).rdk}, {name: "ICWMP", accepts: (*strictUDP).icwmp},
		{name: "ORG", accepts: (*strictUDP).orange}, {name: "WS", accepts: (*strictUDP).works},
	}
	for _, c := range list {
		c.username, c.password = username, password
	}
	return list
}

// wakes tells whether the datagram makes the CPE call home.
func (c *strictUDP) wakes(datagram string, now time.Time) bool { return c.accepts(c, datagram, now) }

// boot makes the CPE forget.
func (c *strictUDP) boot() { c.lastTS, c.lastID, c.accepted = 0, "", time.Time{} }

func (c *strictUDP) no(why string) bool {
	c.ignored = why
	return false
}

func (c *strictUDP) signature(text string) string {
	mac := hmac.New(sha1.New, []byte(c.password))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// rdk: "http://" follows GET at once, a line that ends in LF, 40 to 256 bytes,
// parameters in any order, no decoding, ts not older, a known id is a copy. Its
// HMAC comparison never fails; here it may.
func (c *strictUDP) rdk(d string, _ time.Time) bool {
	line, _, ended := strings.Cut(d, "\n")
	if !strings.HasPrefix(d, "GET http://") || !ended || len(d) < 40 || len(d) > 256 {
		return c.no("form")
	}
	uri := strings.Fields(line)[1]
	_, query, _ := strings.Cut(uri, "?")
	p := map[string]string{}
	for _, pair := range strings.Split(query, "&") {
		k, v, _ := strings.Cut(pair, "=")
		p[k] = v
	}
	ts, err := strconv.ParseInt(p["ts"], 10, 64)
	switch {
	case err != nil || p["un"] != c.username:
		return c.no("un or ts")
	case ts < c.lastTS:
		return c.no("old")
	case p["id"] == c.lastID:
		return c.no("copy")
	case !strings.EqualFold(p["sig"], c.signature(p["ts"]+p["id"]+p["un"]+p["cn"])):
		return c.no("sig")
	}
	c.lastTS, c.lastID = ts, p["id"]
	return true
}

// icwmp: the first "ts=" and so on anywhere in the datagram, buffers of 64 bytes,
// a strictly newer ts, stored before the signature is checked; an id of 32 bits,
// neither 0 nor the last; the text is rebuilt from the numbers.
func (c *strictUDP) icwmp(d string, _ time.Time) bool {
	if !strings.Contains(d, "http") && !strings.Contains(d, "HTTP") {
		return c.no("form")
	}
	p := map[string]string{}
	for _, name := range []string{"ts", "id", "un", "cn", "sig"} {
		at := strings.Index(d, name+"=")
		if at < 0 {
			return c.no(name + " is missing")
		}
		value := d[at+len(name)+1:]
		if end := strings.IndexAny(value, "& "); end >= 0 {
			value = value[:end]
		}
		if p[name] = value; len(value) >= 64 {
			return c.no("crash: " + name + " overflows its buffer")
		}
	}
	ts, err := strconv.ParseInt(p["ts"], 10, 64)
	id, err2 := strconv.ParseUint(p["id"], 10, 32)
	last, _ := strconv.ParseUint(c.lastID, 10, 32)
	if err != nil || err2 != nil || ts <= c.lastTS || id == 0 || id == last {
		return c.no("ts or id")
	}
	c.lastTS, c.lastID = ts, p["id"]
	text := strconv.FormatInt(ts, 10) + strconv.FormatUint(id, 10) + p["un"] + p["cn"]
	if p["un"] != c.username || !strings.EqualFold(p["sig"], c.signature(text)) {
		return c.no("un or sig")
	}
	return true
}

// orange: GET and HTTP/1.1, "?ts=" first and then id, un, cn, sig in this order,
// each but sig ended by "&", ts not older, another id.
func (c *strictUDP) orange(d string, _ time.Time) bool {
	if !strings.HasPrefix(d, "GET") || !strings.Contains(d, "HTTP/1.1") {
		return c.no("form")
	}
	rest, values := d, []string{}
	for _, mark := range []string{"?ts=", "&id=", "&un=", "&cn="} {
		_, after, found := strings.Cut(rest, mark)
		end := strings.IndexByte(after, '&')
		if !found || end < 0 {
			return c.no(mark + " is missing")
		}
		values, rest = append(values, after[:end]), after[end:]
	}
	sig, found := strings.CutPrefix(rest, "&sig=")
	ts, err := strconv.ParseInt(values[0], 10, 64)
	text := strconv.FormatInt(ts, 10) + values[1] + values[2] + values[3]
	switch {
	case !found || len(sig) < 40 || err != nil:
		return c.no("sig is missing")
	case values[2] != c.username || ts < c.lastTS || values[1] == c.lastID:
		return c.no("un, ts or id")
	case !strings.EqualFold(sig[:20], c.signature(text)[:20]):
		return c.no("sig")
	}
	c.lastTS, c.lastID = ts, values[1]
	return true
}

// works: at most 255 bytes, parameters in any order but none twice, decoded; ts
// strictly newer, another id, 40 digits of signature, and 30 s between requests.
func (c *strictUDP) works(d string, now time.Time) bool {
	parts := strings.Fields(d)
	if len(d) > 255 || len(parts) < 3 || parts[0] != "GET" || parts[2] != "HTTP/1.1" {
		return c.no("form")
	}
	_, query, found := strings.Cut(parts[1], "?")
	p, err := url.ParseQuery(query)
	if !found || err != nil || len(p) != 5 {
		return c.no("query")
	}
	for _, values := range p {
		if len(values) != 1 {
			return c.no("twice")
		}
	}
	ts, err := strconv.ParseInt(p.Get("ts"), 10, 64)
	switch {
	case err != nil || ts <= c.lastTS || p.Get("id") == c.lastID || p.Get("un") != c.username:
		return c.no("ts, id or un")
	case len(p.Get("sig")) != 40 || !strings.EqualFold(p.Get("sig"), c.signature(p.Get("ts")+p.Get("id")+p.Get("un")+p.Get("cn"))):
		return c.no("sig")
	}
	c.lastTS, c.lastID = ts, p.Get("id")
	if !c.accepted.IsZero() && now.Sub(c.accepted) < 30*time.Second {
		c.accepted = now // its window is pushed out by each request
		return c.no("too soon")
	}
	c.accepted = now
	return true
}
