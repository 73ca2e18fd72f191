package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
)

// Whoami asks whose token this is.
func (c *Client) Whoami(ctx context.Context) (who Identity, err error) {
	err = c.get(ctx, "whoami", nil, &who)
	return who, err
}

// Devices asks for a page of devices. The query's Scope is the token's.
func (c *Client) Devices(ctx context.Context, q DeviceQuery) (page DevicePage, err error) {
	err = c.get(ctx, "devices", q.values(), &page)
	return page, err
}

// values writes a query as parseQuery reads it.
func (q *DeviceQuery) values() url.Values {
	v := texts(map[string]string{
		"q": q.Text, "oui": q.OUI, "product_class": q.ProductClass, "software_version": q.SoftwareVersion, "acs": q.ACS,
		"campaign": q.Campaign, "nat": q.NAT, "binding": q.Binding, "cursor": q.Cursor,
	}, q.Limit)
	for name, d := range map[string]time.Duration{"informed_within": q.InformedWithin, "silent_for": q.SilentFor} {
		if d != 0 {
			v.Set(name, d.String())
		}
	}
	if q.Failing {
		v.Set("failing", "true")
	}
	return v
}

func texts(given map[string]string, limit int) url.Values {
	v := url.Values{}
	for name, text := range given {
		if text != "" {
			v.Set(name, text)
		}
	}
	if limit != 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	return v
}

// Timeline asks what happened to a device.
func (c *Client) Timeline(ctx context.Context, id cwmp.DeviceID, limit int) (t Timeline, err error) {
	err = c.get(ctx, "devices/"+id.String()+"/timeline", texts(nil, limit), &t)
	return t, err
}

// Assign binds a device to an ACS for good, or with "" to none, whatever it is bound
// to now.
func (c *Client) Assign(ctx context.Context, id cwmp.DeviceID, acs string) (now Assignment, err error) {
	method, body := http.MethodPut, any(AssignmentRequest{ACS: acs})
	if acs == "" {
		method, body = http.MethodDelete, nil
	}
	err = c.send(ctx, method, "devices/"+id.String()+"/assignment", http.Header{"If-Match": {"*"}}, body,
		func(r *http.Response) error { return single(&now)(r.Body) })
	return now, err
}

// Sessions asks for the sessions that are under way.
func (c *Client) Sessions(ctx context.Context, limit int) ([]SessionRow, error) {
	var list SessionList
	err := c.get(ctx, "sessions", texts(nil, limit), &list)
	return list.Sessions, err
}

// Bindings asks for a page of STUN bindings. The query's Scope is the token's.
func (c *Client) Bindings(ctx context.Context, q BindingQuery) (page BindingPage, err error) {
	err = c.get(ctx, "bindings", texts(map[string]string{"q": q.Text, "nat": q.NAT, "state": q.State, "cursor": q.Cursor}, q.Limit), &page)
	return page, err
}

// ACSs asks for all ACSs.
func (c *Client) ACSs(ctx context.Context) ([]ACSView, error) {
	var list ACSList
	err := c.get(ctx, "acs", nil, &list)
	return list.ACS, err
}

// Return brings the sessions of an ACS back from its backup.
func (c *Client) Return(ctx context.Context, acs string) error {
	return c.call(ctx, http.MethodPost, "acs/"+url.PathEscape(acs)+"/return", nil, func(io.Reader) error { return nil })
}

// Overview asks for the whole at a glance.
func (c *Client) Overview(ctx context.Context) (v Overview, err error) {
	err = c.get(ctx, "overview", nil, &v)
	return v, err
}

// Series asks for measurements of the last time.
func (c *Client) Series(ctx context.Context, since time.Duration) (s Series, err error) {
	err = c.get(ctx, "series", url.Values{"since": {since.String()}}, &s)
	return s, err
}

// Certificates asks for all certificates.
func (c *Client) Certificates(ctx context.Context) ([]CertificateView, error) {
	var list CertificateList
	err := c.get(ctx, "certificates", nil, &list)
	return list.Certificates, err
}

// Config asks for the configuration in force.
func (c *Client) Config(ctx context.Context) (v ConfigView, err error) {
	err = c.get(ctx, "config", nil, &v)
	return v, err
}

// Reload makes the gateway read its configuration file again.
func (c *Client) Reload(ctx context.Context) (v ConfigView, err error) {
	err = c.call(ctx, http.MethodPost, "reload", nil, single(&v))
	return v, err
}

// Audit asks for the last records of the audit log, the newest first.
func (c *Client) Audit(ctx context.Context, limit int) ([]AuditRecord, error) {
	var list AuditList
	err := c.get(ctx, "audit", texts(nil, limit), &list)
	return list.Records, err
}

// StartCapture begins to capture the conversation of a device.
func (c *Client) StartCapture(ctx context.Context, id cwmp.DeviceID, last time.Duration) (v CaptureView, err error) {
	err = c.call(ctx, http.MethodPost, "devices/"+id.String()+"/captures", CaptureRequest{Duration: Duration(last)}, single(&v))
	return v, err
}

// Captures asks for all captures.
func (c *Client) Captures(ctx context.Context) ([]CaptureView, error) {
	var list CaptureList
	err := c.get(ctx, "captures", nil, &list)
	return list.Captures, err
}

// Capture asks how far a capture is.
func (c *Client) Capture(ctx context.Context, id string) (v CaptureView, err error) {
	err = c.get(ctx, "captures/"+url.PathEscape(id), nil, &v)
	return v, err
}

// StopCapture ends a capture early.
func (c *Client) StopCapture(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "captures/"+url.PathEscape(id), nil, func(io.Reader) error { return nil })
}

// DownloadCapture writes a capture as "text" or "har".
func (c *Client) DownloadCapture(ctx context.Context, id, format string, w io.Writer) error {
	return c.call(ctx, http.MethodGet, "captures/"+url.PathEscape(id)+"/"+url.PathEscape(format), nil, func(body io.Reader) error {
		_, err := io.Copy(w, body)
		return err
	})
}

// EventQuery says which events are read. What is empty fits all.
type EventQuery struct {
	Kinds  []journal.Kind
	ACS    string
	Device string
	After  uint64 // the event to resume after, 0 for those to come
}

// StreamEvent is one event of the stream. Where Lost is not 0 it is none, but says
// how many were lost.
type StreamEvent struct {
	ID   uint64
	Kind journal.Kind
	JSON json.RawMessage
	Lost uint64
}

// Events calls fn for each event until it fails, ctx ends or the gateway does, which
// is io.EOF.
func (c *Client) Events(ctx context.Context, q EventQuery, fn func(StreamEvent) error) error {
	var kinds []string
	for _, kind := range q.Kinds {
		kinds = append(kinds, string(kind))
	}
	header := http.Header{"Accept": {"text/event-stream"}, "Accept-Encoding": {"identity"}}
	if q.After != 0 {
		header.Set("Last-Event-ID", strconv.FormatUint(q.After, 10))
	}
	path := "events?" + texts(map[string]string{"kinds": strings.Join(kinds, ","), "acs": q.ACS, "device": q.Device}, 0).Encode()
	return c.send(ctx, http.MethodGet, path, header, nil, func(r *http.Response) error {
		return errors.Join(readEvents(r.Body, fn), ctx.Err())
	})
}

// readEvents reads server-sent events.
func readEvents(body io.Reader, fn func(StreamEvent) error) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxDocument)
	var event StreamEvent
	var name string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			event.ID, _ = strconv.ParseUint(value, 10, 64)
		case "event":
			name = value
		case "data":
			event.JSON = append(event.JSON, value...)
		case "":
			if lines.Text() != "" || len(event.JSON) == 0 {
				continue // a comment, or the end of one
			}
			if event.Kind = journal.Kind(name); name == "lost" {
				var lost struct{ Lost uint64 }
				if err := json.Unmarshal(event.JSON, &lost); err != nil {
					return fmt.Errorf("event lost: %w", err)
				}
				event = StreamEvent{Lost: lost.Lost}
			}
			if err := fn(event); err != nil {
				return err
			}
			event, name = StreamEvent{}, ""
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}
