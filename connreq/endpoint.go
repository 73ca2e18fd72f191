package connreq

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Limits of the endpoint. A request has no body, and a dozen header lines.
const (
	endpointHeader      = 8 << 10 // bytes
	endpointConnections = 4096
	endpointRead        = 10 * time.Second
	endpointIdle        = 30 * time.Second
	endpointSlack       = 5 * time.Second // to write an answer after the longest wait
	endpointDrain       = time.Second     // for answers at the end
)

// Limits against those who guess passwords. They count for one source and one
// device together, so that nobody locks an ACS out of other devices.
const (
	failureBurst  = 10
	failureRefill = 10 * time.Second
	failureMax    = 20_000
)

// Limits of exchanges with one CPE, whose login the gateway does not know. GenieACS
// needs two or three a request; icwmp and others block those who ask often (C-84).
const (
	exchangeBurst  = 8
	exchangeRefill = 5 * time.Second
)

// endpoint is the HTTP server behind the ConnectionRequestURLs that ACSs see.
type endpoint struct {
	listener   *acsListener
	base       urlBase
	serves     bool // tokens; false with stun_relay alone
	stunRelay  *stunRelay
	logins     *logins
	allowBasic bool // may be relayed
	exchanges  *buckets

	answer  string
	timeout time.Duration
	longest time.Duration // that an answer may take
	retry   string        // Retry-After of a 503
	deps    *acsDeps
	metrics *acsMetrics
}

func newEndpoint(cfg *Config, acs networks, pass *passer, deps *acsDeps, m *acsMetrics) (*endpoint, error) {
	e := &endpoint{
		logins: newLogins(deps.NonceKey, deps.Now), allowBasic: cfg.HTTP.AllowBasic, exchanges: newBuckets(exchangeBurst, exchangeRefill, cfg.Max),
		answer: cfg.Answer, timeout: cfg.Timeout, longest: max(cfg.Timeout, cfg.HTTP.Timeout), retry: retryAfter(cfg.MinInterval), deps: deps, metrics: m,
	}
	address := cfg.Listen
	if cfg.URLBase != "" {
		base, err := parseURLBase(cfg.URLBase)
		if err != nil {
			return nil, errors.New("connection_request.url_base \"" + cfg.URLBase + "\" " + err.Error())
		}
		e.base, e.serves = base, true
		if address == "" {
			address = base.listen()
		}
	}
	if cfg.STUNRelay != nil {
		var err error
		if e.stunRelay, err = newSTUNRelay(cfg, pass, deps, m.stunRelay); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	e.listener = &acsListener{Listener: listener, acs: acs, max: endpointConnections, refused: m.refused}
	return e, nil
}

// run serves until ctx is done.
func (e *endpoint) run(ctx context.Context) error {
	waits, stopWaiting := context.WithCancel(ctx)
	defer stopWaiting()
	server := &http.Server{
		Handler:           e,
		ReadHeaderTimeout: endpointRead,
		// No ReadTimeout: it would end the wait of a request without a body.
		WriteTimeout:   e.longest + endpointRead + endpointSlack,
		IdleTimeout:    endpointIdle,
		MaxHeaderBytes: endpointHeader,
		BaseContext:    func(net.Listener) context.Context { return waits },
		ErrorLog:       log.New(io.Discard, "", 0), // what the network sends is counted
	}
	var failure error
	served := make(chan struct{})
	go func() { defer close(served); failure = server.Serve(e.listener) }()
	select {
	case <-served:
		_ = server.Close()
		if ctx.Err() != nil {
			return nil
		}
		return failure
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), endpointDrain)
	defer cancel()
	if server.Shutdown(drain) != nil {
		_ = server.Close()
	}
	<-served
	return nil
}

// ServeHTTP answers an ACS.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// A connection that cannot be given a deadline is one that is gone.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(endpointRead))
	}
	id, known := e.device(r)
	switch {
	case known:
		e.metrics.request(e.serve(w, r, id))
	case e.stunRelay != nil && r.URL.Path == stunRelayPath:
		e.stunRelay.ServeHTTP(w, r)
	default:
		http.Error(w, "no such device", http.StatusNotFound)
		e.metrics.request(outcomeUnknown)
	}
}

// device finds the device that the request's URL names.
func (e *endpoint) device(r *http.Request) (cwmp.DeviceID, bool) {
	if !e.serves {
		return cwmp.DeviceID{}, false
	}
	token, ok := e.base.token(r.Host, r.URL.Path)
	if !ok {
		return cwmp.DeviceID{}, false
	}
	return e.deps.ByToken(token)
}

// serve answers a request for a device that is known, and returns the outcome.
func (e *endpoint) serve(w http.ResponseWriter, r *http.Request, id cwmp.DeviceID) (outcome string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET is possible", http.StatusMethodNotAllowed)
		return outcomeMethod
	}
	target, ok := e.deps.Target(id)
	switch {
	case !ok:
		http.Error(w, "no such device", http.StatusNotFound)
		return outcomeUnknown
	case len(target.Logins) == 0:
		return e.relayChallenge(w, r, &target)
	}
	outcome = e.logins.check(w, r, &target)
	if outcome != "" {
		return outcome
	}
	return e.deliver(w, r, id)
}

// deliver asks for a Connection Request, and answers when it is out or, if so
// configured, when the CPE has come.
func (e *endpoint) deliver(w http.ResponseWriter, r *http.Request, id cwmp.DeviceID) (outcome string) {
	request, err := e.deps.Begin(id, "acs "+sourceOf(r).String())
	if err != nil {
		return e.unavailable(w, outcomeUndelivered)
	}
	sent := request.Sent
	if e.answer == AnswerSession {
		sent = nil
	}
	wait := time.NewTimer(e.timeout)
	defer wait.Stop()
	select {
	case <-sent:
		if request.Err() != nil {
			return e.unavailable(w, outcomeUndelivered)
		}
		w.WriteHeader(http.StatusOK)
		return outcomeDelivered
	case <-request.Done:
		result := request.Result()
		if result.OK || result.Sent && e.answer != AnswerSession {
			w.WriteHeader(http.StatusOK)
			return outcomeDelivered
		}
		return e.unavailable(w, outcomeUndelivered)
	case <-wait.C:
		return e.unavailable(w, outcomeUndelivered)
	case <-r.Context().Done(): // the ACS is gone, or the gateway stops: who writes nothing answers 200
		return e.unavailable(w, outcomeGone)
	}
}

// unavailable tells the ACS 503, which every ACS takes for a device that cannot be
// reached now (TR-069 section 3.2.2.2).
func (e *endpoint) unavailable(w http.ResponseWriter, outcome string) string {
	w.Header().Set("Retry-After", e.retry)
	http.Error(w, "the device cannot be reached now", http.StatusServiceUnavailable)
	return outcome
}

// sourceOf is the address that a request came from.
func sourceOf(r *http.Request) netip.Addr {
	source, _ := netip.ParseAddrPort(r.RemoteAddr) // the listener took only what has one
	return source.Addr().Unmap().WithZone("")
}

// retryAfter is a time in whole seconds, at least one.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int(d.Round(time.Second)/time.Second)))
}
