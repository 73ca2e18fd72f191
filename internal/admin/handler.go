package admin

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Paths of the listener.
const (
	PathMetrics = "/metrics" // Prometheus text or OpenMetrics
	PathLive    = "/healthz" // 200 while the process works
	PathReady   = "/readyz"  // 200 while the gateway should get new sessions
)

const index = `acsgate
` + PathMetrics + `  metrics for Prometheus
` + PathLive + `  200 while the process works, else 503 with the reasons
` + PathReady + `   200 while new sessions are welcome, else 503 with the reasons
`

// newHandler returns what the listener serves. Where there is no API, g is nil.
func newHandler(d Deps, g *guard, errorLog *log.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+PathMetrics, promhttp.HandlerFor(d.Registry, promhttp.HandlerOpts{
		ErrorLog:            errorLog,
		MaxRequestsInFlight: 4, // a scrape costs memory; the rest get 503
		Timeout:             writeTimeout / 2,
		EnableOpenMetrics:   true,
	}))
	mux.Handle("GET "+PathLive, health("live", d.Live))
	mux.Handle("GET "+PathReady, health("ready", d.Ready))
	if d.API != nil {
		d.API.routes(mux, g)
	}
	if d.Console != nil && d.API != nil {
		mux.Handle("/", d.Console(g.who, d.API))
		return mux
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		setHeaders(w, "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, index)
	})
	return mux
}

// report is the JSON form of a health answer.
type report struct {
	Status  string   `json:"status"` // "live", "ready", or either with "not " before it
	Reasons []string `json:"reasons"`
}

// health answers 200 or 503, as JSON where the client asks for that and in
// plain text otherwise: the state on the first line, then a reason a line.
func health(state string, check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, status := report{Status: state, Reasons: []string{}}, http.StatusOK
		if err := check(); err != nil {
			answer.Status, status = "not "+state, http.StatusServiceUnavailable
			answer.Reasons = strings.Split(err.Error(), "\n")
		}
		if wantsJSON(r) {
			setHeaders(w, "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(answer)
			return
		}
		setHeaders(w, "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer.text())
	}
}

func (r report) text() string {
	return strings.Join(append([]string{r.Status}, r.Reasons...), "\n") + "\n"
}

func wantsJSON(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "application/json")
}

func setHeaders(w http.ResponseWriter, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}
