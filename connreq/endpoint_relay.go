package connreq

import (
	"net/http"
)

// relayChallenge lets the ACS and the CPE agree by themselves, where the gateway
// does not know the CPE's login (quirk C-83): each request of the ACS becomes one
// to the CPE, and the CPE's challenge or answer goes back.
func (e *endpoint) relayChallenge(w http.ResponseWriter, r *http.Request, target *Target) (outcome string) {
	if e.deps.Exchange == nil || target.URL == "" {
		return e.unavailable(w, outcomeNoLogin)
	}
	if !e.exchanges.take(hash(e.exchanges, target.Device.Key()), e.deps.Now()) {
		return e.unavailable(w, outcomeLimited)
	}
	authorization := r.Header.Values("Authorization")
	if len(authorization) > 1 {
		return e.unavailable(w, outcomeDenied)
	}
	answer, err := e.deps.Exchange(r.Context(), *target, r.Header.Get("Authorization"))
	switch {
	case err != nil && r.Context().Err() != nil:
		return outcomeGone
	case err != nil: // behind a NAT, most likely
		return e.unavailable(w, outcomeNoLogin)
	case answer.Status >= 200 && answer.Status <= 299:
		w.WriteHeader(http.StatusOK)
		return outcomeRelayed
	case answer.Status != http.StatusUnauthorized || len(answer.Challenges) == 0:
		return e.unavailable(w, outcomeUndelivered)
	}
	for _, challenge := range answer.Challenges {
		w.Header().Add("WWW-Authenticate", challenge)
	}
	http.Error(w, "a login is required", http.StatusUnauthorized)
	return outcomeRelayed
}
