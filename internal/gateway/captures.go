package gateway

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/capture"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/proxy"
)

// tap records a session of a device that is captured; nil for all others.
func (g *Gateway) tap(id cwmp.DeviceID) proxy.Tap {
	if tape := g.captures.Tap(id); tape != nil {
		return recorder{tape}
	}
	return nil
}

// recorder is a tape as the proxy wants it.
type recorder struct{ *capture.Tape }

// Begin implements proxy.Tap.
func (r recorder) Begin(s proxy.TapSession) { r.Tape.Begin(capture.Session(s)) }

// Message implements proxy.Tap.
func (r recorder) Message(m proxy.Message) { r.Tape.Message(capture.Message(m)) }

// captureAPI is what the admin listener can do with captures.
func (g *Gateway) captureAPI() admin.Captures {
	return admin.Captures{
		Start: func(id cwmp.DeviceID, by string, last time.Duration) (admin.CaptureView, error) {
			v, err := g.captures.Start(id, by, last)
			return captureView(&v), captureError(err)
		},
		Stop: func(id string) error { return captureError(g.captures.Stop(id)) },
		Get: func(id string) (admin.CaptureView, bool) {
			v, ok := g.captures.Get(id)
			return captureView(&v), ok
		},
		List: func() iter.Seq[admin.CaptureView] {
			return func(yield func(admin.CaptureView) bool) {
				for _, v := range g.captures.List() {
					if !yield(captureView(&v)) {
						return
					}
				}
			}
		},
		Write: func(w io.Writer, id, format string) error {
			err := g.captures.Write(w, id, format)
			if errors.Is(err, capture.ErrNotFound) || errors.Is(err, capture.ErrFormat) {
				return captureError(err)
			}
			return err
		},
	}
}

func captureView(v *capture.View) admin.CaptureView {
	return admin.CaptureView{
		ID: v.ID, Device: v.Device.String(), Started: clock(v.Started), Ends: clock(v.Ends), Running: v.Running,
		Messages: v.Messages, Bytes: v.Bytes, Cut: v.Cut, By: v.By,
	}
}

// captureError makes errors of captures those of the API.
func captureError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, capture.ErrNotFound):
		return fmt.Errorf("%w: %w", admin.ErrUnknownCapture, err)
	case errors.Is(err, capture.ErrFormat):
		return fmt.Errorf("%w: %w", admin.ErrInvalid, err)
	}
	return fmt.Errorf("%w: %w", admin.ErrRefused, err)
}
