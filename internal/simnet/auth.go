package simnet

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// maxChallenges bounds the 401s to one POST: the first, a stale nonce, and one
// for a connection that was lost.
const maxChallenges = 3

// auth is what a CPE knows of the ACS's challenge within a session.
type auth struct {
	scheme string // "basic", "digest", or "" before a challenge
	params map[string]string
	nc     int
	cnonce string
	owed   bool // the next POST answers a challenge
}

// challenged takes a 401. It reports false when the CPE cannot answer.
func (c *CPE) challenged(fields httpwire.Fields) bool {
	if c.cfg.Username == "" || c.cfg.Auth == AuthNone {
		return false
	}
	for _, want := range []string{"digest", "basic"} {
		if want == "digest" && c.cfg.Auth == AuthBasic || want == "basic" && c.cfg.Auth == AuthDigest {
			continue
		}
		for i := range fields {
			if !strings.EqualFold(fields[i].Name, "WWW-Authenticate") {
				continue
			}
			if scheme, params := parseAuth(fields[i].Value); strings.EqualFold(scheme, want) {
				c.auth = auth{scheme: want, params: params, owed: true, cnonce: c.newCNonce()}
				return true
			}
		}
	}
	return false
}

// authorization is the value of the Authorization field of a POST, or "".
func (c *CPE) authorization(acs *url.URL, isInform bool, body []byte) string {
	if c.auth.scheme == "" {
		return c.preemptive()
	}
	if c.make.AuthoriseOnce && !isInform && !c.auth.owed {
		return ""
	}
	c.auth.owed = false
	if c.auth.scheme == "basic" {
		return c.basic()
	}
	return c.digest(acs, body)
}

func (c *CPE) preemptive() string {
	usual := c.cfg.Auth == AuthBasic || c.cfg.Auth == AuthAny && !c.make.EmptyFirst
	if !c.make.PreemptiveBasic || !usual || c.cfg.Username == "" {
		return ""
	}
	return c.basic()
}

func (c *CPE) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.cfg.Username+":"+c.cfg.Password))
}

// digest answers the challenge in the form of the make. The order of the
// parameters is libcurl's.
func (c *CPE) digest(acs *url.URL, body []byte) string {
	form, p := c.make.Digest, c.auth.params
	d := digest{
		Algorithm: p["algorithm"], Username: c.cfg.Username, Realm: p["realm"], Password: c.cfg.Password,
		Method: "POST", URI: c.make.Digest.uri(acs), Nonce: p["nonce"], QOP: form.qop(p["qop"]), Body: body,
	}
	if form.RFC2069 {
		d.Algorithm = "" // knows MD5 alone and does not look
	}
	if d.QOP != "" {
		c.auth.nc++
		d.CNonce, d.NC = c.auth.cnonce, fmt.Sprintf("%08x", c.auth.nc)
		if form.FixedNC {
			d.NC = "00000001"
		}
	}
	separator := ", "
	if form.Folded {
		separator = ",\r\n   "
	}
	return "Digest " + strings.Join(form.fields(d, p), separator)
}

// uri is what the make puts into uri=.
func (f DigestForm) uri(acs *url.URL) string {
	switch f.URI {
	case "empty":
		return ""
	case "absolute":
		return acs.Scheme + "://" + acs.Host + acs.RequestURI()
	}
	return acs.RequestURI()
}

// qop chooses among the offered qualities of protection.
func (f DigestForm) qop(offered string) string {
	var hasAuth, hasInt bool
	for q := range strings.SplitSeq(offered, ",") {
		hasAuth = hasAuth || strings.EqualFold(strings.TrimSpace(q), "auth")
		hasInt = hasInt || strings.EqualFold(strings.TrimSpace(q), "auth-int")
	}
	switch {
	case f.RFC2069:
		return ""
	case hasInt && (f.AuthInt || !hasAuth):
		return "auth-int"
	case hasAuth:
		return "auth"
	}
	return ""
}

func (f DigestForm) fields(d digest, challenge map[string]string) []string {
	quoted := func(key, value string) string { return key + `="` + value + `"` }
	list := []string{quoted("username", d.Username), quoted("realm", d.Realm), quoted("nonce", d.Nonce), quoted("uri", d.URI)}
	if d.QOP != "" {
		list = append(list, quoted("cnonce", d.CNonce))
		if f.QuotedNC {
			list = append(list, quoted("nc", d.NC), quoted("qop", d.QOP))
		} else {
			list = append(list, "nc="+d.NC, "qop="+d.QOP)
		}
	}
	list = append(list, quoted("response", d.response()))
	if f.RFC2069 {
		return list
	}
	if opaque, ok := challenge["opaque"]; ok {
		list = append(list, quoted("opaque", opaque))
	}
	if d.Algorithm != "" {
		list = append(list, "algorithm="+d.Algorithm)
	}
	return list
}
