package capture

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/httpwire"
)

// The parts of HAR 1.2 (w3c.github.io/web-performance/specs/HAR/Overview.html).
// Names that begin with an underscore are ours, as the specification allows.
type (
	harLog struct {
		Version string     `json:"version"`
		Creator harCreator `json:"creator"`
		Pages   []harPage  `json:"pages"`
		Entries []harEntry `json:"entries"`
		Comment string     `json:"comment"`
	}
	harCreator struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	harPage struct {
		Started string   `json:"startedDateTime"`
		ID      string   `json:"id"`
		Title   string   `json:"title"`
		Timings struct{} `json:"pageTimings"`
		Comment string   `json:"comment"`
		Outcome string   `json:"_outcome,omitempty"`
	}
	harEntry struct {
		Page      string      `json:"pageref"`
		Started   string      `json:"startedDateTime"`
		Time      float64     `json:"time"`
		Request   harRequest  `json:"request"`
		Response  harResponse `json:"response"`
		Cache     struct{}    `json:"cache"`
		Timings   harTimings  `json:"timings"`
		Comment   string      `json:"comment"`
		Direction string      `json:"_direction"` // "cpe" or "acs"
		Session   int         `json:"_session"`
		Leg       int         `json:"_leg"`
		ACS       string      `json:"_acs,omitempty"`
		Own       bool        `json:"_own,omitempty"`
	}
	harRequest struct {
		Method      string     `json:"method"`
		URL         string     `json:"url"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []struct{} `json:"cookies"`
		Headers     []harField `json:"headers"`
		Query       []struct{} `json:"queryString"`
		Post        *harPost   `json:"postData,omitempty"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []struct{} `json:"cookies"`
		Headers     []harField `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int        `json:"headersSize"`
		BodySize    int        `json:"bodySize"`
		Error       string     `json:"_error,omitempty"`
	}
	harField struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harPost struct {
		MimeType string     `json:"mimeType"`
		Params   []struct{} `json:"params"`
		Text     string     `json:"text"`
	}
	harContent struct {
		Size     int    `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text"`
	}
	harTimings struct {
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
)

// writeHAR writes each session as a page, and as its entries each exchange with
// the CPE and each with an ACS.
func (t *taken) writeHAR(w io.Writer) error {
	log := harLog{
		Version: "1.2", Creator: harCreator{"acsgate", "1"}, Pages: []harPage{}, Entries: []harEntry{},
		Comment: fmt.Sprintf("Capture of device %s. Passwords, keys, cookies and digest answers are masked. %d messages found no room.", t.Device, t.Cut),
	}
	for i := range t.sessions {
		s := &t.sessions[i]
		transport := "plain HTTP"
		if s.TLS != "" {
			transport = s.TLS + ", " + s.CipherSuite
		}
		log.Pages = append(log.Pages, harPage{
			Started: s.Started.UTC().Format(stampDay), ID: pageOf(i), Outcome: s.outcome,
			Title:   "session of " + s.Device.String() + " from " + s.Remote.String(),
			Comment: fmt.Sprintf("listener %s, %s, acs %s, rule %s: %s", s.Listener, transport, s.ACS, s.Rule, s.Reason),
		})
	}
	log.Entries = t.entries(log.Entries)
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(map[string]harLog{"log": log})
}

func pageOf(session int) string { return "session_" + strconv.Itoa(session+1) }

// side is one of the two conversations of a session.
type side struct {
	session int
	acs     bool
}

// entries pairs requests and answers, each session and each side for itself.
func (t *taken) entries(list []harEntry) []harEntry {
	waiting := map[side]int{} // places in list of requests without an answer yet
	for i := range t.records {
		r := &t.records[i]
		at := side{r.session, r.Direction == ToACS || r.Direction == FromACS}
		if r.Direction == FromCPE || r.Direction == ToACS {
			waiting[at] = len(list)
			list = append(list, r.entry(at.acs))
			continue
		}
		if place, ok := waiting[at]; ok && list[place].Leg == r.Leg {
			list[place].answer(r)
			delete(waiting, at)
		}
	}
	return list
}

func (r *record) entry(acs bool) harEntry {
	e := harEntry{
		Page: pageOf(r.session), Started: r.At.UTC().Format(stampDay), Session: r.session + 1, Leg: r.Leg, ACS: r.ACS,
		Direction: "cpe", Comment: "CPE to gateway",
		Request: harRequest{
			Method: r.Method, URL: r.url(), HTTPVersion: "HTTP/1.1", Cookies: []struct{}{}, Query: []struct{}{},
			Headers: harFields(r.Header), HeadersSize: -1, BodySize: len(r.body),
		},
		Response: harResponse{
			HTTPVersion: "HTTP/1.1", Cookies: []struct{}{}, Headers: []harField{}, HeadersSize: -1, BodySize: -1,
			Content: harContent{MimeType: "x-unknown"}, Error: "no answer was recorded",
		},
	}
	if acs {
		e.Direction, e.Comment = "acs", "gateway to ACS "+r.ACS
	}
	if r.body != "" {
		e.Request.Post = &harPost{MimeType: mimeType(r.Header), Params: []struct{}{}, Text: r.body}
	}
	return e
}

// answer adds the answer to an entry.
func (e *harEntry) answer(r *record) {
	if started, err := time.Parse(stampDay, e.Started); err == nil {
		e.Time = max(float64(r.At.Truncate(time.Millisecond).Sub(started))/float64(time.Millisecond), 0)
		e.Timings.Wait = e.Time
	}
	e.Own = r.Own
	p := &e.Response
	if p.Error = r.Error; r.Error != "" {
		return
	}
	p.Status, p.StatusText, p.Headers, p.BodySize = r.Status, r.Reason, harFields(r.Header), len(r.body)
	p.RedirectURL = r.Header.Get("Location")
	p.Content = harContent{Size: len(r.body), MimeType: mimeType(r.Header), Text: r.body}
}

func harFields(fields httpwire.Fields) []harField {
	out := make([]harField, len(fields))
	for i := range fields {
		out[i] = harField{fields[i].Name, fields[i].Value}
	}
	return out
}

func mimeType(fields httpwire.Fields) string {
	if m := fields.Get("Content-Type"); m != "" {
		return m
	}
	return "x-unknown"
}

// url is the request's target as tools want it, absolute.
func (r *record) url() string {
	scheme := "http://"
	if r.Secure {
		scheme = "https://"
	}
	if strings.Contains(r.Target, "://") {
		return r.Target
	}
	host := r.Header.Get("Host")
	if host == "" {
		host = "unknown.invalid"
	}
	return scheme + host + r.Target
}
