package simnet

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// verdict is what the ACS makes of an Authorization field.
type verdict uint8

const (
	absent verdict = iota // none, or a scheme that was not asked for
	wrong
	stale // right, but for a nonce that has expired
	right
)

// authenticate reports whether a message may pass; if not, the reply is a
// challenge. The caller holds a.mu.
func (a *ACS) authenticate(c *acsConn, s *acsSession, x *Exchange) (reply, bool) {
	if a.cfg.Auth.Scheme == "" {
		return reply{}, true
	}
	known := c.authorized
	if s != nil {
		known = s.authorized
	}
	if known && !a.cfg.Auth.EveryRequest {
		return reply{}, true
	}
	v := a.verify(c, s, x)
	if v == right {
		x.Authorized = true
		a.counters.authorized.Add(1)
		c.authorized = s == nil && !a.cfg.Auth.BindNonce
		if s != nil {
			s.authorized, s.challenged = true, false
		}
		return reply{}, true
	}
	if s != nil && !s.opened {
		s.challenged = true
	}
	a.counters.challenges.Add(1)
	return a.challenge(c, v == stale), false
}

// challenge is a 401 in the form of GenieACS.
func (a *ACS) challenge(c *acsConn, isStale bool) reply {
	var fields httpwire.Fields
	realm := `realm="` + a.cfg.Auth.Realm + `"`
	if a.cfg.Auth.Scheme == "digest" {
		fields = append(fields, httpwire.Field{Name: "WWW-Authenticate", Value: "Digest " + realm + a.digestParams(c, isStale)})
	}
	if a.cfg.Auth.Scheme == "basic" || a.cfg.Auth.OfferBasic {
		fields = append(fields, httpwire.Field{Name: "WWW-Authenticate", Value: "Basic " + realm})
	}
	return reply{Response: httpwire.Response{Status: 401, Fields: fields}, body: []byte("Unauthorized")}
}

func (a *ACS) digestParams(c *acsConn, isStale bool) string {
	params := `, nonce="` + a.newNonce(c) + `"`
	add := func(key, value string, quoted bool) {
		switch {
		case value == "":
		case quoted:
			params += ", " + key + `="` + value + `"`
		default:
			params += ", " + key + "=" + value
		}
	}
	add("algorithm", a.cfg.Auth.Algorithm, false)
	add("qop", a.cfg.Auth.QOP, true)
	add("opaque", a.cfg.Auth.Opaque, true)
	if isStale {
		add("stale", "true", false)
	}
	return params
}

// newNonce makes a nonce of 16 digits: one that its connection remembers, or
// one that proves itself (C-30, C-31: short, and valid on any connection).
func (a *ACS) newNonce(c *acsConn) string {
	nonce := hex.EncodeToString(newSecret()[:4])
	nonce += a.seal(nonce)
	if a.cfg.Auth.BindNonce {
		if c.nonces == nil {
			c.nonces = map[string]bool{}
		}
		c.nonces[nonce] = true
	}
	return nonce
}

func (a *ACS) seal(text string) string {
	mac := hmac.New(sha256.New, a.secret)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)[:4])
}

func (a *ACS) knowsNonce(c *acsConn, nonce string) bool {
	if a.cfg.Auth.BindNonce {
		return c.nonces[nonce]
	}
	return len(nonce) == 16 && a.seal(nonce[:8]) == nonce[8:]
}

// verify judges the Authorization field of a request.
func (a *ACS) verify(c *acsConn, s *acsSession, x *Exchange) verdict {
	value := x.Fields.Get("Authorization")
	scheme, _, _ := strings.Cut(value, " ")
	switch {
	case strings.EqualFold(scheme, "basic") && (a.cfg.Auth.Scheme == "basic" || a.cfg.Auth.OfferBasic):
		return a.verifyBasic(value[len(scheme):])
	case strings.EqualFold(scheme, "digest") && a.cfg.Auth.Scheme == "digest":
		return a.verifyDigest(c, s, x, value)
	}
	return absent
}

func (a *ACS) verifyBasic(value string) verdict {
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil {
		return wrong
	}
	username, password, _ := strings.Cut(string(decoded), ":")
	if want, ok := a.cfg.Auth.Password(username); ok && want == password {
		return right
	}
	return wrong
}

func (a *ACS) verifyDigest(c *acsConn, s *acsSession, x *Exchange, value string) verdict {
	_, p := parseAuth(value)
	password, ok := a.cfg.Auth.Password(p["username"])
	if !ok || p["realm"] != a.cfg.Auth.Realm || a.cfg.Auth.CheckURI && p["uri"] != x.Target {
		return wrong
	}
	want := digest{
		Algorithm: p["algorithm"], Username: p["username"], Realm: p["realm"], Password: password,
		Method: x.Method, URI: p["uri"], Nonce: p["nonce"], NC: p["nc"], CNonce: p["cnonce"], QOP: p["qop"], Body: x.raw,
	}
	if want.response() != p["response"] {
		return wrong
	}
	if !a.knowsNonce(c, p["nonce"]) || !a.countsUp(s, p["nc"]) {
		return stale
	}
	return right
}

// countsUp holds the nonce count to growth, where that is asked for.
func (a *ACS) countsUp(s *acsSession, nc string) bool {
	if !a.cfg.Auth.StrictNC || s == nil {
		return true
	}
	n, err := strconv.ParseUint(nc, 16, 64)
	if err != nil || n <= s.lastNC {
		s.lastNC = 0 // the challenge that follows brings a new nonce
		return false
	}
	s.lastNC = n
	return true
}
