package connreq

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// How HTTP Connection Requests end, as a label.
const (
	httpDelivered   = "delivered"   // 200 or 204
	httpBusy        = "busy"        // 503
	httpDenied      = "denied"      // the logins are wrong
	httpNoLogin     = "no_login"    // one is wanted, and none is known
	httpStatus      = "status"      // another status
	httpUnreachable = "unreachable" // no connection, or no answer that can be read
	httpRefused     = "refused"     // the URL must not be asked
	httpCrowded     = "crowded"     // too many at once
	httpChallenge   = "challenge"   // one that cannot be answered
	httpRelayed     = "relayed"     // the answer went to the ACS
)

// unreachableError, refusedError and statusError tell the kinds of failures apart
// for the metrics.
type (
	unreachableError struct{ error }
	refusedError     struct{ error }
	statusError      struct{ text string }
)

func (e unreachableError) Unwrap() error { return e.error }
func (e refusedError) Unwrap() error     { return e.error }
func (e statusError) Error() string      { return e.text }

type httpMetrics struct {
	results *prometheus.CounterVec
	relayed prometheus.Counter
}

func newHTTPMetrics(registerer prometheus.Registerer) (*httpMetrics, error) {
	results := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "acsgate_connection_request_http_total", Help: "HTTP Connection Requests to CPEs, by result.",
	}, []string{"result"})
	for _, result := range []string{
		httpDelivered, httpBusy, httpDenied, httpNoLogin, httpStatus, httpUnreachable, httpRefused, httpCrowded, httpChallenge, httpRelayed,
	} {
		results.WithLabelValues(result)
	}
	return &httpMetrics{results: results, relayed: results.WithLabelValues(httpRelayed)}, registerer.Register(results)
}

// ended counts how a request has ended, and returns err.
func (m *httpMetrics) ended(err error) error {
	m.results.WithLabelValues(httpResult(err)).Inc()
	return err
}

func httpResult(err error) string {
	switch {
	case err == nil:
		return httpDelivered
	case errors.Is(err, errBusy):
		return httpBusy
	case errors.Is(err, errDenied):
		return httpDenied
	case errors.Is(err, errNoLogin):
		return httpNoLogin
	case errors.Is(err, errCrowded):
		return httpCrowded
	case errors.As(err, new(refusedError)):
		return httpRefused
	case errors.As(err, new(unreachableError)):
		return httpUnreachable
	case errors.As(err, new(statusError)):
		return httpStatus
	}
	return httpChallenge
}
