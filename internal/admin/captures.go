package admin

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Bounds of captures.
const (
	defaultCapture  = 10 * time.Minute
	maxCapture      = time.Hour
	downloadTimeout = 5 * time.Minute
)

// CaptureRequest says how long a device is captured.
type CaptureRequest struct {
	Duration Duration `json:"duration,omitempty"` // 10m where it is left out, at most 1h
}

// CaptureList are captures.
type CaptureList struct {
	Captures []CaptureView `json:"captures"`
}

func (a *API) captureEndpoints() []endpoint {
	c := &a.Captures
	get := func(id, format, media, summary string) endpoint {
		return endpoint{
			id: id, method: http.MethodGet, path: "captures/{id}/" + format, role: RoleOperator, media: media, audited: true,
			summary: summary, about: "Passwords, answers to digest challenges and keys are not in it. Each download is in the audit log.",
			missing: c.Get == nil || c.Write == nil,
			handle:  func(w http.ResponseWriter, r *request) error { return a.download(w, r, format, media) },
		}
	}
	return []endpoint{
		{
			id: "startCapture", method: http.MethodPost, path: "devices/{id}/captures", role: RoleOperator, body: CaptureRequest{}, optional: true,
			status: http.StatusCreated, answer: CaptureView{}, once: true,
			summary: "Capture a device's conversation for a while", missing: c.Start == nil, handle: a.startCapture,
		}, {
			id: "listCaptures", method: http.MethodGet, path: "captures", role: RoleViewer, answer: CaptureList{},
			summary: "List captures", missing: c.List == nil, handle: a.listCaptures,
		}, {
			id: "getCapture", method: http.MethodGet, path: "captures/{id}", role: RoleViewer, answer: CaptureView{},
			summary: "Read how far a capture is", missing: c.Get == nil, handle: a.getCapture,
		},
		get("downloadText", "text", "text/plain", "Download a capture as text"),
		get("downloadHAR", "har", "application/json", "Download a capture as HAR"),
		{
			id: "stopCapture", method: http.MethodDelete, path: "captures/{id}", role: RoleOperator, status: http.StatusNoContent,
			summary: "End a capture early", about: "What was captured can be read as long as the gateway keeps it.",
			missing: c.Stop == nil || c.Get == nil, handle: a.stopCapture,
		},
	}
}

func (a *API) startCapture(w http.ResponseWriter, r *request) error {
	id, err := a.deviceOf(r)
	if err != nil {
		return err
	}
	wanted := CaptureRequest{Duration: Duration(defaultCapture)}
	if err := readBody(r.Request, &wanted); err != nil {
		return err
	}
	last := time.Duration(wanted.Duration)
	if last < time.Second || last > maxCapture {
		return refuseFields("body", []fieldProblem{{"duration", fmt.Sprintf("%v is not from 1s to %v", last, maxCapture)}})
	}
	if a.Device != nil {
		if _, known := a.Device(id); !known {
			return unknownDevice(id)
		}
	}
	view, err := a.StartCapture(r.who, id, last)
	if err != nil {
		return err
	}
	r.detail = "capture " + view.ID + " for " + last.String()
	w.Header().Set("Location", PathAPI+"captures/"+view.ID)
	return answer(w, http.StatusCreated, view)
}

// ErrUnknownCapture says that there is no such capture, or no more: 404.
var ErrUnknownCapture = errors.New("there is no such capture any more")

// maxScopedCaptures is how many captures of a token with a scope run at a time.
const maxScopedCaptures = 4

// StartCapture captures a device, which somebody may see, for a while.
func (a *API) StartCapture(who Identity, id cwmp.DeviceID, last time.Duration) (CaptureView, error) {
	if !who.Scope.Whole() && a.Captures.List != nil {
		a.starting.Lock()
		defer a.starting.Unlock()
		running := 0
		for view := range a.Captures.List() {
			if view.Running && view.By == who.Name {
				running++
			}
		}
		if running >= maxScopedCaptures {
			return CaptureView{}, fmt.Errorf("%w: %d captures of token %q run: stop one first", ErrRefused, running, who.Name)
		}
	}
	return a.Captures.Start(id, who.Name, last)
}

// CapturesOf returns the captures that somebody may see.
func (a *API) CapturesOf(who Identity) iter.Seq[CaptureView] {
	return func(yield func(CaptureView) bool) {
		for view := range a.Captures.List() {
			if a.seesCapture(who, view) && !yield(view) {
				return
			}
		}
	}
}

func (a *API) seesCapture(who Identity, view CaptureView) bool {
	id, err := cwmp.ParseDeviceID(view.Device)
	return err == nil && a.Sees(who, id)
}

func (a *API) listCaptures(w http.ResponseWriter, r *request) error {
	list := CaptureList{Captures: []CaptureView{}}
	for view := range a.CapturesOf(r.who) {
		list.Captures = append(list.Captures, view)
	}
	return answer(w, http.StatusOK, list)
}

// captureOf returns the capture of a path, if its device is one that the sender may
// see.
func (a *API) captureOf(r *request) (CaptureView, error) {
	name := r.PathValue("id")
	view, ok := a.Captures.Get(name)
	if !ok || !a.seesCapture(r.who, view) {
		return view, refuse(http.StatusNotFound, "there is no capture %q", clip(name))
	}
	return view, nil
}

func (a *API) getCapture(w http.ResponseWriter, r *request) error {
	view, err := a.captureOf(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, view)
}

func (a *API) download(w http.ResponseWriter, r *request, format, media string) error {
	view, err := a.captureOf(r)
	if err != nil {
		return err
	}
	r.detail = "of " + view.Device
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(downloadTimeout))
	out := &lateWriter{ResponseWriter: w, begin: func() {
		setHeaders(w, media+map[string]string{"text": "; charset=utf-8"}[format])
		w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="capture-%s.%s"`, fileName(view.ID), map[string]string{"text": "txt", "har": "har"}[format]))
	}}
	if err := a.Captures.Write(out, view.ID, format); err != nil {
		return err
	}
	_, _ = out.Write(nil) // one that is empty
	return nil
}

// lateWriter begins an answer with the first byte, so that an error before that is
// answered as one.
type lateWriter struct {
	http.ResponseWriter
	begin func()
}

func (l *lateWriter) Write(data []byte) (int, error) {
	if l.begin != nil {
		l.begin()
		l.begin = nil
	}
	return l.ResponseWriter.Write(data)
}

// fileName keeps of an id what may be part of a file's name.
func fileName(id string) string {
	name := []byte(id)
	for i, c := range name {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			name[i] = '_'
		}
	}
	return string(name)
}

func (a *API) stopCapture(w http.ResponseWriter, r *request) error {
	view, err := a.captureOf(r)
	if err != nil {
		return err
	}
	r.detail = "of " + view.Device
	if err := a.Captures.Stop(view.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
