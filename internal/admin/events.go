package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
)

// Bounds of the stream of events.
const (
	maxReaders       = 128              // of all tokens; each holds a connection
	maxTokenReaders  = 100              // of one
	maxScopedReaders = 16               // of one with a scope
	eventTimeout     = 10 * time.Second // of one write; who reads slower is dropped
)

// eventParameters are those of the stream.
func eventParameters() []parameter {
	var kinds []string
	for _, kind := range journal.Kinds() {
		kinds = append(kinds, string(kind))
	}
	return []parameter{
		{name: "kinds", about: "Only these kinds, a comma between them.", kind: choicesKind, choices: kinds},
		{name: "acs", about: "Only what concerns this ACS."},
		{name: "device", about: "Only what concerns this device, as its id."},
	}
}

func (a *API) eventEndpoints() []endpoint {
	return []endpoint{{
		id: "events", method: http.MethodGet, path: "events", role: RoleViewer, media: "text/event-stream", query: eventParameters(),
		summary: "Read events as they happen",
		about: "Server-sent events: the id is the event's, the event its kind, the data its document. " +
			"Last-Event-ID resumes after an event as long as the gateway remembers it. " +
			"An event `lost` with {\"lost\": n} says that the reader was too slow for n events. " +
			"A comment comes every 15 seconds. A token with a scope gets the events of its devices alone; " +
			"audit events need the role admin.",
		missing: a.Events == nil, handle: func(w http.ResponseWriter, r *request) error {
			return a.serveEvents(w, r.Request, r.who, r.query)
		},
	}}
}

// ServeEvents serves the stream of events to somebody who was identified already,
// such as by a cookie. It answers everything itself.
func (a *API) ServeEvents(w http.ResponseWriter, r *http.Request, who Identity) {
	q, err := parseQuery(r.URL.RawQuery, eventParameters())
	if err == nil && a.Events == nil {
		err = refuse(http.StatusNotFound, "this gateway has no events")
	}
	if err == nil {
		err = a.serveEvents(w, r, who, q)
	}
	if err != nil {
		fail(w, err)
	}
}

// serveEvents returns an error only where nothing was written.
func (a *API) serveEvents(w http.ResponseWriter, r *http.Request, who Identity, q query) error {
	filter, err := a.eventFilter(who, q)
	if err != nil {
		return err
	}
	after := uint64(0)
	if text := r.Header.Get("Last-Event-ID"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return refuse(http.StatusBadRequest, "Last-Event-ID %q is not the id of an event", clip(text))
		}
	}
	if r.Method == http.MethodHead {
		setHeaders(w, "text/event-stream")
		return nil
	}
	leave, err := a.EnterEvents(who)
	if err != nil {
		return err
	}
	defer leave()
	reader, err := a.Events(filter, after)
	if err != nil {
		return err
	}
	defer reader.Close()
	ctx, cancel := a.UntilStop(r.Context())
	defer cancel()
	if a.metrics != nil {
		a.metrics.readers.Inc()
		defer a.metrics.readers.Dec()
	}
	setHeaders(w, "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies of the nginx kind hold answers back
	next := reader.NextSSE
	if filter.Allow == nil && len(filter.Kinds) == 0 && filter.ACS == "" && q["device"] == "" && acceptsGzip(r) {
		// All such readers share what is compressed once.
		w.Header().Set("Content-Encoding", "gzip")
		next = reader.NextGzipSSE
	}
	stream(ctx, w, next)
	return nil
}

// UntilStop returns a context that is also done when the listener stops. Answers
// that go on until somebody ends them use it, so that they delay nothing. The
// caller must cancel it.
func (a *API) UntilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if a.stopping == nil {
		return ctx, cancel
	}
	forget := context.AfterFunc(a.stopping, cancel)
	return ctx, func() { forget(); cancel() }
}

// eventFilter returns what a reader may see of what it asks for.
func (a *API) eventFilter(who Identity, q query) (journal.Filter, error) {
	filter := journal.Filter{ACS: q["acs"]}
	if text := q["device"]; text != "" {
		id, err := cwmp.ParseDeviceID(text)
		if err == nil && id.Key() == (cwmp.Key{}) { // which a filter takes for any
			err = errors.New("names no device")
		}
		if err != nil {
			return filter, refuseFields("query", []fieldProblem{{"device", err.Error()}})
		}
		if !a.Sees(who, id) {
			return filter, fmt.Errorf("%s: %w", id, ErrUnknownDevice)
		}
		filter.Device = id
	}
	for _, kind := range q.list("kinds") {
		filter.Kinds = append(filter.Kinds, journal.Kind(kind))
	}
	may := func(kind journal.Kind) bool {
		return kind != journal.KindAudit || who.May(RoleAdmin) && who.Scope.Whole()
	}
	if slices.ContainsFunc(filter.Kinds, func(kind journal.Kind) bool { return !may(kind) }) {
		return filter, refuse(http.StatusForbidden, "events of kind audit need the role admin, and no scope")
	}
	if who.Scope.Whole() && who.May(RoleAdmin) {
		return filter, nil
	}
	filter.Allow = func(h *journal.Header) bool {
		if who.Scope.Whole() {
			return may(h.Kind)
		}
		return deviceKind(h.Kind) && h.Device != (cwmp.DeviceID{}) && a.Sees(who, h.Device)
	}
	return filter, nil
}

// acceptsGzip tells whether a client decompresses answers (RFC 9110 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") && (weight == "" || strings.Trim(weight, "q=0.") != "") {
			return true
		}
	}
	return false
}

// deviceKind tells whether events of a kind are about one device, and so may be
// shown to whom the device belongs.
func deviceKind(kind journal.Kind) bool {
	switch kind {
	case journal.KindInform, journal.KindSession, journal.KindBinding, journal.KindConnectionRequest, journal.KindInjection, journal.KindMove:
		return true
	}
	return false
}

// stream writes what next returns until the reader, the journal or ctx ends.
func stream(ctx context.Context, w http.ResponseWriter, next func(context.Context) ([][]byte, uint64, error)) {
	control := http.NewResponseController(w)
	for {
		_ = control.SetWriteDeadline(time.Now().Add(eventTimeout))
		if control.Flush() != nil {
			return
		}
		// None while there is nothing to write: HTTP/2 ends a stream whose time is over.
		_ = control.SetWriteDeadline(time.Time{})
		texts, _, err := next(ctx)
		if err != nil {
			return
		}
		_ = control.SetWriteDeadline(time.Now().Add(eventTimeout))
		for _, text := range texts {
			if _, err := w.Write(text); err != nil {
				return
			}
		}
	}
}
