package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
)

// eventsPage is the stream of events.
type eventsPage struct {
	Kinds  []option
	ACS    string
	Device string
	Stream string // where the script gets them
	Recent []entry
}

// What a page of events begins with.
const (
	maxRecent  = 100
	recentIdle = 15 * time.Millisecond // without one: there are no more
	recentTime = 80 * time.Millisecond
)

func (c *Console) events(v *visit) error {
	if c.api.Events == nil {
		return absent("events")
	}
	filter, err := c.filter(v)
	if err != nil {
		return err
	}
	form := v.r.URL.Query()
	body := eventsPage{ACS: form.Get("acs"), Device: form.Get("device")}
	for _, k := range journal.Kinds() {
		if k == journal.KindAudit && !v.who.May(admin.RoleAdmin) || aboutWhole[k] && !v.who.Scope.Whole() {
			continue
		}
		body.Kinds = append(body.Kinds, option{string(k), kindName(k), slices.Contains(form["kind"], string(k))})
	}
	var last uint64
	if body.Recent, last, err = c.recent(v.r.Context(), filter, maxRecent); err != nil {
		return err
	}
	body.Stream = streamURL(form, last)
	return c.show(v, "events", page{Title: "Events", Nav: "/events", Body: body})
}

func streamURL(form url.Values, last uint64) string {
	query := url.Values{}
	for _, key := range []string{"kind", "acs", "device"} {
		for _, value := range form[key] {
			if value != "" {
				query.Add(key, value)
			}
		}
	}
	query.Set("after", strconv.FormatUint(last, 10))
	return "/events/stream?" + query.Encode()
}

// aboutWhole are the kinds of events that are of no device.
var aboutWhole = map[journal.Kind]bool{
	journal.KindACS: true, journal.KindCampaign: true, journal.KindCertificate: true, journal.KindAudit: true,
}

// filter reads which events are wanted. Those of devices that the identity may not
// see are left out, for a limited one those of no device, and the audit log for all
// but admins.
func (c *Console) filter(v *visit) (f journal.Filter, err error) {
	form := v.r.URL.Query()
	f.ACS = form.Get("acs")
	for _, kind := range form["kind"] {
		if kind == "" {
			continue
		}
		if !slices.Contains(journal.Kinds(), journal.Kind(kind)) {
			return f, fail(http.StatusBadRequest, "There are no events of kind %q.", kind)
		}
		f.Kinds = append(f.Kinds, journal.Kind(kind))
	}
	if text := form.Get("device"); text != "" {
		if f.Device, err = cwmp.ParseDeviceID(text); err != nil {
			return f, fail(http.StatusBadRequest, "There can be no such device: %v.", err)
		}
		if f.Device.Key() == (cwmp.Key{}) { // which a filter takes for any
			return f, fail(http.StatusBadRequest, "device: %q names no device.", text)
		}
	}
	admins := v.who.May(admin.RoleAdmin) && v.who.Scope.Whole()
	if !admins && slices.Contains(f.Kinds, journal.KindAudit) {
		return f, fail(http.StatusForbidden, "Events of the audit log are for the role admin.")
	}
	switch {
	case !v.who.Scope.Whole():
		f.Allow = func(h *journal.Header) bool {
			return !aboutWhole[h.Kind] && h.Device != (cwmp.DeviceID{}) && c.api.Sees(v.who, h.Device)
		}
	case !admins:
		f.Allow = func(h *journal.Header) bool { return h.Kind != journal.KindAudit }
	}
	return f, nil
}

// recent returns events that are still kept, the newest first, and the number of the
// last one.
func (c *Console) recent(ctx context.Context, f journal.Filter, most int) (all []entry, last uint64, err error) {
	reader, err := c.api.Events(f, 1)
	if err != nil {
		return nil, 0, fmt.Errorf("events: %w", err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(ctx, recentTime)
	defer cancel()
	var frames []journal.Frame
	for {
		more, _, err := nextWithin(ctx, reader, recentIdle)
		frames = append(frames, more...)
		if n := len(frames); n > most {
			frames = slices.Clone(frames[n-most:])
		}
		if err != nil {
			break
		}
	}
	for i := range slices.Backward(frames) {
		all = append(all, entryOf(&frames[i]))
		last = max(last, frames[i].ID)
	}
	return all, last, nil
}

// nextWithin waits for events, for a while. lost is how many were missed.
func nextWithin(ctx context.Context, reader *journal.Reader, d time.Duration) (frames []journal.Frame, lost uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return reader.Next(ctx)
}

// document is an event as the journal writes it.
type document struct {
	admin.TimelineEntry
	Device string `json:"device"`
}

func entryOf(f *journal.Frame) entry {
	var d document
	if json.Unmarshal(f.JSON, &d) != nil {
		d = document{}
		d.Text = "an event that cannot be shown"
	}
	d.ID, d.Kind = f.ID, f.Kind
	e := newEntry(&d.TimelineEntry)
	if e.ACS == "" {
		e.ACS = f.ACS
	}
	if f.Device != (cwmp.DeviceID{}) {
		e.Device = f.Device.String()
	}
	return e
}

// streamCheck is how often a stream looks whether its reader is still signed in.
const streamCheck = 15 * time.Second

// stream sends events as they come, as rows of the page (text/event-stream). It ends
// with the session.
func (c *Console) stream(v *visit) error {
	if c.api.Events == nil {
		return absent("events")
	}
	filter, err := c.filter(v)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/event-stream")
	if v.r.Method == http.MethodHead {
		return nil
	}
	if !c.streams.enter() {
		return admin.ErrBusy
	}
	defer c.streams.leave()
	leave, err := c.api.EnterEvents(v.who)
	if err != nil {
		return err
	}
	defer leave()
	after := v.r.Header.Get("Last-Event-ID")
	if after == "" {
		after = v.r.URL.Query().Get("after")
	}
	from, _ := strconv.ParseUint(after, 10, 64) // what is no number is none
	reader, err := c.api.Events(filter, from)
	if err != nil {
		return &failure{http.StatusServiceUnavailable, "events: " + err.Error()}
	}
	defer reader.Close()
	v.w.Header().Set("X-Accel-Buffering", "no") // for proxies that would keep it
	c.send(v, reader)
	return nil
}

// send writes events until the browser goes, the session ends, or the journal or
// the listener stops.
func (c *Console) send(v *visit, reader *journal.Reader) {
	ctx, cancel := c.api.UntilStop(v.r.Context())
	defer cancel()
	control := http.NewResponseController(v.w)
	part := "event"
	if v.r.URL.Query().Get("view") == "audit" {
		part = "audit-row"
	}
	text := []byte("retry: 3000\n\n")
	for {
		extend(v.w, 2*streamCheck)
		if _, err := v.w.Write(text); err != nil || control.Flush() != nil {
			return
		}
		frames, lost, err := nextWithin(ctx, reader, streamCheck)
		if ctx.Err() != nil || errors.Is(err, io.EOF) || !c.still(v) {
			return
		}
		if text = c.sse(part, frames, lost); len(text) == 0 {
			text = []byte(": still here\n\n")
		}
	}
}

// still tells whether the visitor is signed in as the one that came.
func (c *Console) still(v *visit) bool {
	cookie, err := v.r.Cookie(cookieName(v.r))
	if err != nil {
		return false
	}
	s, token, ok := c.sessions.find(cookie.Value)
	if !ok || s != v.session {
		return false
	}
	_, ok = c.identify(v.r, s, token)
	return ok
}

// sse writes events as text/event-stream has them: a row of HTML each.
func (c *Console) sse(part string, frames []journal.Frame, lost uint64) []byte {
	var out, row bytes.Buffer
	if lost > 0 {
		_, _ = fmt.Fprintf(&out, "event: lost\ndata: %d\n\n", lost)
	}
	for i := range frames {
		row.Reset()
		if err := c.templates["events"].ExecuteTemplate(&row, part, entryOf(&frames[i])); err != nil {
			continue
		}
		_, _ = fmt.Fprintf(&out, "id: %d\nevent: row\ndata: %s\n\n", frames[i].ID, oneLine(row.String()))
	}
	return out.Bytes()
}

// oneLine takes ends of lines away, which would end the data of an event.
func oneLine(text string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}
