package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Errors that functions of API tell apart.
var (
	// ErrUnknownDevice says that there is no such device: 404.
	ErrUnknownDevice = errors.New("device is not known")
	// ErrBusy says that too much is under way: 503, and to come back later.
	ErrBusy = errors.New("too many connection requests are under way")
)

// API is what the JSON API can do. Functions are called concurrently and end
// early when their context does.
type API struct {
	// Device returns what is known of a device.
	Device func(cwmp.DeviceID) (DeviceView, bool)
	// Wake sends a Connection Request and waits for its result.
	Wake func(context.Context, cwmp.DeviceID) (WakeResult, error)
	// WakeMany sends Connection Requests to many devices and tells its progress
	// now and then.
	WakeMany func(context.Context, Selection, func(Progress)) (Progress, error)
	// Campaigns is nil where there are none.
	Campaigns *Campaigns
	// Return brings the sessions of an ACS back from its backup. The error says why
	// that cannot be. nil where nothing can.
	Return func(acs string) error

	Resources

	waking atomic.Int32 // wakes under way, each of which holds a connection
	log    *zap.Logger  // nil until New
}

// WakeResult is how one Connection Request went.
type WakeResult struct {
	Device    string        `json:"device"`
	OK        bool          `json:"ok"`
	Transport string        `json:"transport,omitempty"` // that worked
	TookMS    int64         `json:"took_ms"`
	Joined    bool          `json:"joined,omitempty"` // one with an earlier request
	Attempts  []WakeAttempt `json:"attempts"`
}

// WakeAttempt is what became of one transport.
type WakeAttempt struct {
	Transport string `json:"transport"`
	To        string `json:"to,omitempty"`
	Sent      int    `json:"sent"`
	TookMS    int64  `json:"took_ms"`
	Reason    string `json:"reason,omitempty"` // why it did not work
}

// Selection says which devices are meant: those that are named, or all that fit
// the other fields; empty ones fit everything.
type Selection struct {
	Devices   []cwmp.DeviceID `json:"-"`
	Names     []string        `json:"devices,omitempty"`
	All       bool            `json:"all,omitempty"`
	ACS       string          `json:"acs,omitempty"`
	OUI       string          `json:"oui,omitempty"`
	PerSecond float64         `json:"per_second,omitempty"`
}

// Progress is how far a WakeMany has come.
type Progress struct {
	Total     int            `json:"total"`
	Asked     int            `json:"asked"`
	Confirmed int            `json:"confirmed"` // their CPEs came
	Failed    int            `json:"failed"`
	Reasons   map[string]int `json:"reasons,omitempty"` // of failures
	Done      bool           `json:"done"`
	Error     string         `json:"error,omitempty"`
}

// Bounds of the API.
const (
	maxBody     = 64 << 20 // a list of a million devices
	bodyTimeout = 2 * time.Minute
	// wakeTimeout is far beyond what a Connection Request takes by default.
	wakeTimeout = 10 * time.Minute
	// maxWakes leaves connections to those who ask for metrics and health.
	maxWakes    = maxConnections / 2
	bulkTimeout = 24 * time.Hour
)

func (a *API) device(w http.ResponseWriter, r *http.Request) {
	id, ok := deviceOf(w, r)
	if !ok {
		return
	}
	view, ok := a.Device(id)
	if !ok {
		fail(w, http.StatusNotFound, "no session of device "+id.String()+" was seen yet")
		return
	}
	answer(w, http.StatusOK, view)
}

func (a *API) wake(w http.ResponseWriter, r *http.Request) {
	id, ok := deviceOf(w, r)
	if !ok {
		return
	}
	if a.waking.Add(1) > maxWakes {
		a.waking.Add(-1)
		failWake(w, ErrBusy)
		return
	}
	defer a.waking.Add(-1)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wakeTimeout))
	result, err := a.Wake(r.Context(), id)
	if err != nil {
		failWake(w, err)
		return
	}
	answer(w, http.StatusOK, result)
}

func failWake(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, ErrUnknownDevice):
		status = http.StatusNotFound
	case errors.Is(err, ErrBusy):
		w.Header().Set("Retry-After", "5")
		status = http.StatusServiceUnavailable
	}
	fail(w, status, err.Error())
}

// wakeMany answers with one JSON document a line, the last one with done set. It
// ends when the client goes away.
func (a *API) wakeMany(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	selection, err := readSelection(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Now().Add(bulkTimeout))
	setHeaders(w, "application/x-ndjson")
	lines := json.NewEncoder(w)
	tell := func(p Progress) {
		_ = lines.Encode(p)
		_ = control.Flush()
	}
	last, err := a.WakeMany(r.Context(), selection, tell)
	last.Done = true
	if err != nil {
		last.Error = err.Error()
	}
	tell(last)
}
