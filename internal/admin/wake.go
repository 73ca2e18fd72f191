package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
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

	waking  places // wakes under way, each of which holds a connection
	readers places

	starting sync.Mutex // of captures that are counted before

	described   sync.Once
	description []byte // the OpenAPI document

	// What New adds.
	log      *zap.Logger
	metrics  *metrics
	audits   *audits
	limits   *limits
	stopping context.Context // done when the listener ends
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
	// wakeTimeout is far beyond what a Connection Request takes by default.
	wakeTimeout = 10 * time.Minute
	// maxWakes leaves connections to those who ask for metrics and health.
	maxWakes    = maxConnections / 2
	bulkTimeout = 24 * time.Hour
)

func (a *API) wakeEndpoints() []endpoint {
	return []endpoint{
		{
			id: "wakeDevice", method: http.MethodPost, path: "devices/{id}/connection-request", role: RoleOperator, answer: WakeResult{}, once: true,
			summary: "Send a device a Connection Request and wait for its result",
			about:   "200 with ok false says that the device did not come, and why. 503 says that too many are under way.",
			missing: a.Wake == nil, handle: a.wake,
		}, {
			id: "wakeDevices", method: http.MethodPost, path: "connection-requests", role: RoleOperator, body: Selection{}, answer: Progress{},
			media: mediaLines, once: true, long: true, large: true,
			summary: "Send many devices a Connection Request",
			about: "The answer is a document a line, the last one with done true. It ends when the client goes away. " +
				"A token with a scope reaches its own devices only; naming another one is refused.",
			missing: a.WakeMany == nil, handle: a.wakeMany,
		},
	}
}

func (a *API) wake(w http.ResponseWriter, r *request) error {
	id, err := a.deviceOf(r)
	if err != nil {
		return err
	}
	leave, err := a.EnterWake(r.who)
	if err != nil {
		return err
	}
	defer leave()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wakeTimeout))
	result, err := a.Wake(r.Context(), id)
	if errors.Is(err, ErrUnknownDevice) {
		return unknownDevice(id)
	}
	if err != nil {
		return err
	}
	if result.Attempts == nil {
		result.Attempts = []WakeAttempt{}
	}
	r.detail = "came"
	if !result.OK {
		r.detail = "did not come"
	}
	return answer(w, http.StatusOK, result)
}

// wakeMany answers with one JSON document a line, the last one with done set. It
// ends when the client goes away.
func (a *API) wakeMany(w http.ResponseWriter, r *request) error {
	selection, err := readSelection(r.Body)
	if err != nil {
		return err
	}
	if selection, err = a.scoped(r.Context(), r.who, selection); err != nil {
		return err
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Now().Add(bulkTimeout))
	a.Audit(r.who, r.Request, http.StatusAccepted, "begun: "+selection.String())
	setHeaders(w, mediaLines)
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
	r.detail = fmt.Sprintf("%d asked, %d came", last.Asked, last.Confirmed)
	tell(last)
	return nil
}
