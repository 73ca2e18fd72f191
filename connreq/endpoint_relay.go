package connreq

import (
	"net/http"
	"strings"

	"github.com/acsgate/acsgate/internal/digest"
)

// relayChallenge lets the ACS and the CPE agree by themselves, where the gateway
// does not know the CPE's login (quirk C-83): each request of the ACS becomes one
// to the CPE, and the CPE's challenge or answer goes back.
func (e *endpoint) relayChallenge(w http.ResponseWriter, r *http.Request, target *Target) (outcome string) {
	if e.deps.Exchange == nil || target.URL == "" {
		return e.unavailable(w, outcomeNoLogin)
	}
	authorization, ok := e.relayable(r.Header.Values("Authorization"))
	if !ok {
		return e.unavailable(w, outcomeDenied)
	}
	if !e.exchanges.take(hash(e.exchanges, target.Device.Key()), e.deps.Now()) {
		return e.unavailable(w, outcomeLimited)
	}
	answer, err := e.deps.Exchange(r.Context(), *target, authorization)
	switch {
	case err != nil && r.Context().Err() != nil:
		return e.unavailable(w, outcomeGone)
	case err != nil: // behind a NAT, most likely
		return e.unavailable(w, outcomeNoLogin)
	case answer.Status >= 200 && answer.Status <= 299:
		w.WriteHeader(http.StatusOK)
		return outcomeRelayed
	case answer.Status != http.StatusUnauthorized:
		return e.unavailable(w, outcomeUndelivered)
	}
	value := e.cleanChallenge(answer.Challenges)
	if value == "" {
		return e.unavailable(w, outcomeUndelivered)
	}
	return challenge(w, value, outcomeRelayed)
}

// relayable returns the Authorization that may go to a CPE: none, or one.
func (e *endpoint) relayable(fields []string) (authorization string, ok bool) {
	if len(fields) == 0 {
		return "", true
	}
	answer, ok := digest.ParseAnswer(fields[0])
	if !ok || len(fields) > 1 || answer.Scheme != digest.SchemeDigest && !e.allowBasic {
		return "", false
	}
	return fields[0], true
}

// cleanChallenge chooses a challenge and writes it as every ACS reads it: alone,
// for Node.js joins two, and with commas, without which GenieACS fails (quirk
// C-87). It returns "" if there is none that the ACS may answer.
func (e *endpoint) cleanChallenge(fields []string) string {
	list := digest.ParseChallenges(fields)
	for i := range list {
		if list[i].Scheme == digest.SchemeDigest && list[i].Nonce != "" && !strings.ContainsAny(list[i].Algorithm, " \t,\"") {
			return digestChallenge(&list[i])
		}
	}
	for i := range list {
		if list[i].Scheme == digest.SchemeBasic && e.allowBasic {
			return "Basic realm=" + quoted(list[i].Realm)
		}
	}
	return ""
}

func digestChallenge(c *digest.Challenge) string {
	parts := []string{"realm=" + quoted(c.Realm), "nonce=" + quoted(c.Nonce)}
	if c.Opaque != "" {
		parts = append(parts, "opaque="+quoted(c.Opaque))
	}
	if len(c.QOP) > 0 {
		parts = append(parts, "qop="+quoted(strings.Join(c.QOP, ",")))
	}
	if c.Algorithm != "" {
		parts = append(parts, "algorithm="+c.Algorithm) // never quoted, RFC 7616 section 3.3
	}
	if c.Stale {
		parts = append(parts, "stale=true")
	}
	return "Digest " + strings.Join(parts, ", ")
}

// quoted writes a quoted-string, RFC 9110 section 5.6.4.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
