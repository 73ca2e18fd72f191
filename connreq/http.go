package connreq

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/acsgate/acsgate/internal/digest"
)

// maxLogins is how many logins a CPE is tried with in one request. CPEs lock out
// who guesses (quirk C-82).
const maxLogins = 2

var (
	errBusy    = errors.New("CPE is busy: it answers 503, as CPEs do in a session or when they are asked too often")
	errCrowded = errors.New("too many HTTP Connection Requests are under way (connection_request.http.concurrent)")
	errNoLogin = errors.New("CPE wants a login, and ConnectionRequestUsername and ConnectionRequestPassword of the device are not known")
	errDenied  = errors.New("CPE refuses the login: ConnectionRequestUsername or ConnectionRequestPassword is wrong")
)

// httpTransport sends HTTP Connection Requests (TR-069 3.2.2.1): GET, digest
// authentication on a new connection, 200 or 204. Safe for concurrent use.
type httpTransport struct {
	timeout    time.Duration
	allowBasic bool
	slots      chan struct{} // one for each exchange under way
	guard      guard
	own        *ownAddrs
	metrics    *httpMetrics
}

// newHTTPTransport looks up the addresses of this machine.
func newHTTPTransport(cfg *HTTPConfig, now func() time.Time, registerer prometheus.Registerer) (*httpTransport, error) {
	allow, err := parseNetworks(cfg.AllowNetworks)
	if err != nil {
		return nil, fmt.Errorf("connreq: http.allow_networks: %w", err)
	}
	own := &ownAddrs{now: now, lookup: net.InterfaceAddrs}
	if err := own.refresh(); err != nil {
		return nil, fmt.Errorf("connreq: addresses of this machine: %w", err)
	}
	metrics, err := newHTTPMetrics(registerer)
	if err != nil {
		return nil, err
	}
	return &httpTransport{
		timeout: cfg.Timeout, allowBasic: cfg.AllowBasic, slots: make(chan struct{}, max(1, cfg.Concurrent)),
		guard: guard{allow: allow, own: own.addrs}, own: own, metrics: metrics,
	}, nil
}

// Name returns "http".
func (*httpTransport) Name() string { return HTTP }

// Check returns the URL, or says why it must not be asked.
func (h *httpTransport) Check(t *Target) (to, reason string) {
	target, err := h.guard.checkTarget(t)
	if err != nil {
		return "", err.Error()
	}
	return target.String(), ""
}

// Send asks the CPE, and answers its challenge with the device's logins, each
// request on a connection of its own: many CPEs close after the 401 (quirk C-81).
func (h *httpTransport) Send(ctx context.Context, j *Job) error {
	return h.metrics.ended(h.send(ctx, &j.Target, j.CountSent))
}

func (h *httpTransport) send(ctx context.Context, t *Target, left func()) error {
	to, err := h.check(t)
	if err != nil {
		return err
	}
	ctx, done, err := h.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	a, err := roundTrip(ctx, &to, t.Listener, "", left)
	if err != nil {
		return unreachableError{err}
	}
	if a.Status != http.StatusUnauthorized {
		return verdict(&a)
	}
	if len(t.Logins) == 0 {
		return errNoLogin
	}
	return h.authenticate(ctx, t, &to, a, left)
}

// authenticate answers challenges until a login is good, or the logins end. A nonce
// that was too old says nothing against the login, and is made good once.
func (h *httpTransport) authenticate(ctx context.Context, t *Target, to *httpTarget, a answer, left func()) error {
	var counts nonceCount
	staleLeft := 1
	for i := 0; i < min(len(t.Logins), maxLogins); {
		authorization, err := h.authorize(&a, t.Basic, to.path, &t.Logins[i], &counts)
		if err != nil {
			return err
		}
		if a, err = roundTrip(ctx, to, t.Listener, authorization, left); err != nil {
			return unreachableError{err}
		}
		if a.Status != http.StatusUnauthorized {
			return verdict(&a)
		}
		if staleLeft > 0 && isStale(&a) {
			staleLeft--
			continue
		}
		i++
	}
	return errDenied
}

// authorize answers the first digest challenge that can be answered; Basic, which
// shows the password, only where it is allowed and there is nothing better (quirk
// C-82).
func (h *httpTransport) authorize(a *answer, basic bool, path string, login *Login, counts *nonceCount) (string, error) {
	list := digest.ParseChallenges(a.challenges())
	err := errors.New("CPE wants a login, but its 401 has no challenge that is known")
	for i := range list {
		if list[i].Scheme != digest.SchemeDigest {
			continue
		}
		var authorization string
		authorization, err = list[i].Answer(login.Username, login.Password, http.MethodGet, path, newCNonce(), counts.next(list[i].Nonce))
		if err == nil {
			return authorization, nil
		}
	}
	for i := range list {
		switch {
		case list[i].Scheme != digest.SchemeBasic:
		case h.allowBasic && basic:
			return digest.Basic(login.Username, login.Password), nil
		default:
			err = errors.New("CPE wants Basic authentication, which is not allowed (connection_request.http.allow_basic and the quirk of its model)")
		}
	}
	return "", err
}

// Exchange sends one request with that Authorization, or without if it is "", and
// returns the status and the CPE's challenges as they are. So an ACS can
// authenticate itself where the gateway does not know the login (quirk C-83).
func (h *httpTransport) Exchange(ctx context.Context, t Target, authorization string) (cpeAnswer, error) {
	answer, err := h.exchange(ctx, &t, authorization)
	if err != nil {
		return cpeAnswer{}, h.metrics.ended(err)
	}
	h.metrics.relayed.Inc()
	return answer, nil
}

func (h *httpTransport) exchange(ctx context.Context, t *Target, authorization string) (cpeAnswer, error) {
	for i := range len(authorization) {
		if authorization[i] < ' ' || authorization[i] == 0x7f {
			return cpeAnswer{}, errors.New("authorization has a control character")
		}
	}
	to, err := h.check(t)
	if err != nil {
		return cpeAnswer{}, err
	}
	ctx, done, err := h.begin(ctx)
	if err != nil {
		return cpeAnswer{}, err
	}
	defer done()
	a, err := roundTrip(ctx, &to, t.Listener, authorization, func() {})
	if err != nil {
		return cpeAnswer{}, unreachableError{err}
	}
	return cpeAnswer{Status: a.Status, Challenges: a.challenges()}, nil
}

// check is Check with the machine's addresses of now.
func (h *httpTransport) check(t *Target) (httpTarget, error) {
	if err := h.own.refresh(); err != nil {
		return httpTarget{}, refusedError{fmt.Errorf("addresses of this machine are not known: %w", err)}
	}
	to, err := h.guard.checkTarget(t)
	if err != nil {
		return httpTarget{}, refusedError{err}
	}
	return to, nil
}

// begin waits for a slot, and starts the time that the exchange may take.
func (h *httpTransport) begin(ctx context.Context) (context.Context, func(), error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, errCrowded
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	return ctx, func() { cancel(); <-h.slots }, nil
}

// verdict returns nil for the statuses that mean that the CPE will come. No
// redirect is followed: where to is not what was learned of the device.
func verdict(a *answer) error {
	switch {
	case a.Status == http.StatusOK, a.Status == http.StatusNoContent:
		return nil
	case a.Status == http.StatusServiceUnavailable:
		return errBusy
	case a.Status >= 300 && a.Status <= 399:
		return statusError{fmt.Sprintf("CPE answers %d, and redirects are not followed", a.Status)}
	case a.Status == http.StatusNotFound:
		return statusError{"CPE answers 404: its ConnectionRequestURL has changed, or another device has its address now"}
	}
	return statusError{fmt.Sprintf("CPE answers %d %.60q", a.Status, a.Reason)}
}

func isStale(a *answer) bool {
	for _, c := range digest.ParseChallenges(a.challenges()) {
		if c.Scheme == digest.SchemeDigest && c.Stale {
			return true
		}
	}
	return false
}

// nonceCount is the nc of each answer: it grows while the CPE repeats its nonce, as
// netcwmp does.
type nonceCount struct {
	nonce string
	nc    uint32
}

func (n *nonceCount) next(nonce string) uint32 {
	if nonce != n.nonce {
		n.nonce, n.nc = nonce, 0
	}
	n.nc++
	return n.nc
}

// newCNonce returns 16 hexadecimal digits, for which every CPE has room.
func newCNonce() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
