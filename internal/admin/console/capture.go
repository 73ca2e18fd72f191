package console

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

// maxCapture is as long as a capture may last.
const maxCapture = time.Hour

// startCapture records the conversation of a device for a while.
func (c *Console) startCapture(v *visit) error {
	id, err := c.target(v)
	if err != nil {
		return err
	}
	if c.api.Captures.Start == nil {
		return absent("captures")
	}
	last, err := time.ParseDuration(v.r.PostForm.Get("for"))
	if err != nil || last < time.Second || last > maxCapture {
		return fail(http.StatusBadRequest, "for: %q is not a duration from 1s to %v.", v.r.PostForm.Get("for"), maxCapture)
	}
	_, err = c.api.StartCapture(v.who, id, last)
	if c.result(v, err, "capture of "+last.String()) != nil {
		return err
	}
	return c.done(v, "ok", "The conversation of this device is recorded. Wake it, or wait for its next session.", "/devices/"+id.String())
}

func (c *Console) stopCapture(v *visit) error {
	view, err := c.capture(v)
	if err != nil {
		return err
	}
	if c.api.Captures.Stop == nil {
		return absent("an end of captures")
	}
	if err := c.result(v, c.api.Captures.Stop(view.ID), "stop of capture "+view.ID); err != nil {
		return err
	}
	return c.done(v, "ok", "The capture has ended.", "/devices/"+view.Device)
}

// capture returns the capture that a path names, if it is of the device that the
// path names.
func (c *Console) capture(v *visit) (admin.CaptureView, error) {
	id, err := c.target(v)
	if err != nil {
		return admin.CaptureView{}, err
	}
	if c.api.Captures.Get == nil {
		return admin.CaptureView{}, absent("captures")
	}
	view, ok := c.api.Captures.Get(v.r.PathValue("capture"))
	if !ok || view.Device != id.String() {
		return view, fail(http.StatusNotFound, "There is no such capture any more.")
	}
	return view, nil
}

// download answers with a capture as a file.
func (c *Console) download(v *visit) error {
	if err := v.needs(admin.RoleOperator); err != nil {
		return c.result(v, err, "lacks the role operator")
	}
	view, err := c.capture(v)
	if err != nil {
		return err
	}
	format, kind, suffix := "text", "text/plain; charset=utf-8", ".txt"
	switch v.r.URL.Query().Get("format") {
	case "", "text":
	case "har":
		format, kind, suffix = "har", "application/json", ".har"
	default:
		return fail(http.StatusBadRequest, "A capture comes as text or har.")
	}
	if c.api.Captures.Write == nil {
		return absent("files of captures")
	}
	var out bytes.Buffer // a failure is told as one
	if err := c.result(v, c.api.Captures.Write(&out, view.ID, format), "download of capture "+view.ID); err != nil {
		return err
	}
	extend(v.w, 5*time.Minute)
	v.w.Header().Set("Content-Type", kind)
	v.w.Header().Set("Content-Disposition", `attachment; filename="capture-`+fileName(view.ID)+suffix+`"`)
	_, _ = v.w.Write(out.Bytes())
	return nil
}

// fileName keeps what every system takes in the name of a file.
func fileName(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return '-'
	}, text)
}
