package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// guard stands before every endpoint: it lets in who may, as often as they may.
type guard struct {
	api     *API
	who     *Authenticator
	limits  *limits
	replays *replays
	large   places
	metrics *metrics
}

// serve returns the handler of an endpoint.
func (g *guard) serve(e *endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered := &recorder{ResponseWriter: w}
		call := &request{Request: r}
		defer func() { // also where the handler panics
			g.metrics.request(e.id, answered.status)
			if call.who.Name != "" && (e.writes() || e.audited) {
				g.api.Audit(call.who, r, answered.status, call.detail)
			}
		}()
		err := g.admit(e, call)
		if err == nil {
			err = g.run(e, answered, call)
		}
		if err != nil {
			g.failed(answered, call, err)
		}
	})
}

// failed answers with a problem, or breaks off an answer that has begun.
func (g *guard) failed(w *recorder, call *request, err error) {
	if w.status == 0 {
		p := problemOf(err)
		if call.detail == "" {
			call.detail = clip(p.Detail)
		}
		fail(w, p)
		return
	}
	if call.who.Name != "" {
		call.detail = "broken off: " + clip(err.Error())
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0))
}

// admit checks who sends a request and whether they may.
func (g *guard) admit(e *endpoint, call *request) (err error) {
	if e.role == "" {
		return nil
	}
	if call.who, err = g.identify(call.Request); err != nil {
		return err
	}
	if err := g.limits.admit(call.who); err != nil {
		return err
	}
	switch {
	case !call.who.May(e.role):
		return refuse(http.StatusForbidden, "token %q lacks the role %s", call.who.Name, e.role)
	case e.whole && !call.who.Scope.Whole():
		return refuse(http.StatusForbidden, "token %q has a scope, and this is about all devices", call.who.Name)
	case e.missing:
		return refuse(http.StatusNotFound, "this gateway has no %s", e.path)
	}
	return nil
}

// identify returns who sends a request: the owner of its token (RFC 6750 2.1), or
// of its client certificate.
func (g *guard) identify(r *http.Request) (Identity, error) {
	if g.who.Empty() {
		return Identity{}, refuse(http.StatusForbidden, "no token is configured: add admin.tokens to the configuration")
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		who, ok, err := g.who.Login(r, strings.TrimSpace(token))
		if err != nil || ok {
			return who, err
		}
	} else if scheme == "" && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		if who, ok := g.who.Certificate(r.TLS.VerifiedChains[0][0]); ok {
			return who, nil
		}
		g.metrics.failedLogins.Inc()
		return Identity{}, refuse(http.StatusForbidden, "the client certificate is none that admin.tokens names as client_cert")
	}
	return Identity{}, refuse(http.StatusUnauthorized, "send one of the tokens of admin.tokens as Authorization: Bearer TOKEN")
}

// run checks the request itself and hands it to its handler.
func (g *guard) run(e *endpoint, w *recorder, call *request) (err error) {
	if call.query, err = parseQuery(call.URL.RawQuery, e.query); err != nil {
		return err
	}
	if err := checkBody(w.ResponseWriter, call, e); err != nil {
		return err
	}
	if e.large {
		if err := g.large.enter(call.who, largeRoom, "bulk wakes, previews and new campaigns are under way"); err != nil {
			return err
		}
		defer g.large.leave(call.who)
	}
	if e.match {
		if _, ok := etags(call.Request); !ok {
			return checkMatch(call.Request, "")
		}
	}
	key := call.Header.Get(headerKey)
	if !e.once || key == "" {
		return e.handle(w, call)
	}
	return g.once(e, w, call, key)
}

// once answers a request that was sent before as then.
func (g *guard) once(e *endpoint, w *recorder, call *request, text string) error {
	if len(call.Header.Values(headerKey)) > 1 || !goodKey(text) {
		return refuse(http.StatusBadRequest, "%s is to be one value of at most %d printable characters", headerKey, maxKey)
	}
	body, err := io.ReadAll(call.Body)
	if err != nil {
		return badBody(err)
	}
	call.Body = io.NopCloser(bytes.NewReader(body))
	hash := sha256.New()
	for _, part := range []string{call.Method, call.URL.EscapedPath(), call.URL.RawQuery, call.Header.Get("If-Match")} {
		_, _ = fmt.Fprintf(hash, "%d:%s", len(part), part)
	}
	_, _ = hash.Write(body)
	key := replayKey{token: call.who.Name, key: text}
	before, err := g.replays.begin(key, [sha256.Size]byte(hash.Sum(nil)))
	switch {
	case err != nil:
		return err
	case before != nil:
		call.detail = "replayed"
		before.write(w)
		return nil
	}
	var result *recorder // none where the handler panics
	defer func() { g.replays.end(key, result) }()
	if !e.long {
		// Who sends again wants the result of the first time: it is not lost with its
		// connection.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(call.Context()), wakeTimeout)
		defer cancel()
		call.Request = call.Request.WithContext(ctx)
	}
	w.keep = true
	if err := e.handle(w, call); err != nil {
		g.failed(w, call, err)
	}
	if call.Context().Err() == nil {
		result = w
	}
	return nil
}

// Admit takes one request from what somebody may send who was identified already,
// such as by a cookie. The error says that it is too many.
func (a *API) Admit(who Identity) error {
	if a.limits == nil {
		return nil
	}
	return a.limits.admit(who)
}

// limits bound how often each token is used.
type limits struct {
	perSecond float64

	mu    sync.Mutex
	known map[string]*rate.Limiter // by the token's name: as many as are configured
}

func newLimits(perSecond float64) *limits {
	return &limits{perSecond: perSecond, known: map[string]*rate.Limiter{}}
}

// admit takes one request from what a token may send.
func (l *limits) admit(who Identity) error {
	l.mu.Lock()
	limiter := l.known[who.Name]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Limit(l.perSecond), max(1, int(2*l.perSecond)))
		l.known[who.Name] = limiter
	}
	l.mu.Unlock()
	now := time.Now()
	if limiter.AllowN(now, 1) {
		return nil
	}
	p := refuse(http.StatusTooManyRequests, "token %q sends more than %g requests a second", who.Name, l.perSecond)
	p.after = time.Duration((1 - limiter.TokensAt(now)) / l.perSecond * float64(time.Second))
	return p
}
