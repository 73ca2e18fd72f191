package console

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/journal"
)

// entry is one event as pages show it, on a timeline or in a list.
type entry struct {
	ID     uint64
	At     time.Time
	Kind   string // in words
	Tone   string
	Text   string
	Device string
	ACS    string

	Session *journal.Session
	Legs    []leg
	Request *journal.ConnectionRequest
	Facts   []fact // what is worth unfolding of the other kinds
	Audit   *journal.Audit
}

// fact is a name with its value.
type fact struct{ Name, Value string }

// leg is one HTTP exchange with its place on a bar of 1000.
type leg struct {
	journal.Leg
	X, Width, ACSWidth int
}

// kindNames are the kinds in words.
var kindNames = map[journal.Kind]string{
	journal.KindInform: "Inform", journal.KindSession: "session", journal.KindBinding: "binding",
	journal.KindConnectionRequest: "connection request", journal.KindInjection: "own RPC", journal.KindMove: "move",
	journal.KindACS: "ACS", journal.KindCampaign: "campaign", journal.KindCertificate: "certificate", journal.KindAudit: "audit",
}

func kindName(k journal.Kind) string {
	if name, known := kindNames[k]; known {
		return name
	}
	return words(string(k))
}

// newEntry reads the document of an event. What cannot be read is not unfolded.
func newEntry(t *admin.TimelineEntry) entry {
	e := entry{ID: t.ID, At: t.At, Kind: kindName(t.Kind), Tone: "idle", Text: t.Text, ACS: t.ACS}
	if len(t.Data) == 0 {
		return e
	}
	switch t.Kind {
	case journal.KindInform:
		e.readInform(t.Data)
	case journal.KindSession:
		e.readSession(t.Data)
	case journal.KindConnectionRequest:
		e.readRequest(t.Data)
	case journal.KindBinding:
		e.readBinding(t.Data)
	case journal.KindInjection:
		e.readInjection(t.Data)
	case journal.KindMove:
		e.readMove(t.Data)
	case journal.KindACS:
		e.readACS(t.Data)
	case journal.KindCampaign:
		e.readCampaign(t.Data)
	case journal.KindCertificate:
		e.readCertificate(t.Data)
	case journal.KindAudit:
		e.readAudit(t.Data)
	}
	return e
}

// read decodes a document.
func read[T any](data json.RawMessage) (doc T, ok bool) {
	return doc, json.Unmarshal(data, &doc) == nil
}

// add adds facts from pairs of name and value, without those that are empty.
func (e *entry) add(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			e.Facts = append(e.Facts, fact{pairs[i], pairs[i+1]})
		}
	}
}

func (e *entry) readInform(data json.RawMessage) {
	if d, ok := read[journal.Inform](data); ok {
		e.Tone = "info"
		e.add("Events", strings.Join(d.Events, ", "), "From", d.Source, "Listener", d.Listener, "Rule", d.Rule, "Because", d.Reason)
	}
}

func (e *entry) readSession(data json.RawMessage) {
	d, ok := read[journal.Session](data)
	if !ok {
		return
	}
	e.Session, e.Tone, e.Legs = &d, tone(d.Outcome), legsOf(&d)
	if e.Tone == "idle" {
		e.Tone = "warn"
	}
	listener := d.Listener
	if d.TLS != "" {
		listener += ", " + d.TLS
	}
	e.add("Outcome", words(d.Outcome), "Error", d.Error, "Took", milliseconds(d.TookMS), "Events", strings.Join(d.Events, ", "),
		"From", d.Source, "Listener", listener, "Rule", d.Rule, "Because", d.Reason, "RPCs", strings.Join(d.RPCs, ", "),
		"Faults", strings.Join(d.Faults, ", "))
	if d.Reconnects > 0 {
		e.add("Reconnects", strconv.Itoa(d.Reconnects))
	}
	for _, x := range d.Injections {
		e.add("Own RPC "+x.Name, x.Outcome+": "+x.Text)
	}
}

// legsOf places the legs on a bar that is as long as the session.
func legsOf(s *journal.Session) []leg {
	total := s.TookMS
	for i := range s.Legs {
		total = max(total, s.Legs[i].AtMS+s.Legs[i].TookMS)
	}
	var legs []leg
	for _, l := range s.Legs {
		x := leg{Leg: l}
		if total > 0 {
			x.X = clamp(l.AtMS / total * 1000)
			x.Width = max(6, clamp(l.TookMS/total*1000))
			x.X = min(x.X, 1000-x.Width)
			if l.TookMS > 0 {
				x.ACSWidth = min(x.Width, clamp(float64(x.Width)*l.ACSMS/l.TookMS))
			}
		}
		legs = append(legs, x)
	}
	return legs
}

func clamp(v float64) int { return int(min(max(v, 0), 1000)) }

func (e *entry) readRequest(data json.RawMessage) {
	if d, ok := read[journal.ConnectionRequest](data); ok {
		e.Request, e.Tone = &d, map[bool]string{true: "ok", false: "bad"}[d.OK]
		e.add("Asked for by", d.Origin, "Came by", d.Transport, "Took", milliseconds(d.TookMS))
	}
}

func (e *entry) readBinding(data json.RawMessage) {
	if d, ok := read[journal.Binding](data); ok {
		e.Tone = map[string]string{"new": "ok", "moved": "warn", "lost": "bad"}[d.Change]
		e.add("Change", d.Change, "Reached at", d.Remote, "Before", d.Former, "Our socket", d.Local, "NAT", d.NAT, "Known by", d.Evidence)
	}
}

func (e *entry) readInjection(data json.RawMessage) {
	if d, ok := read[journal.Injection](data); ok {
		e.Tone = "info"
		e.add("Program", d.Name, "Outcome", words(d.Outcome), "What", d.Text)
	}
}

func (e *entry) readMove(data json.RawMessage) {
	if d, ok := read[journal.Move](data); ok {
		e.Tone = tone(d.State)
		e.add("From", d.From, "To", d.To, "Campaign", d.Campaign, "State", words(d.State), "Because", d.Reason)
	}
}

func (e *entry) readACS(data json.RawMessage) {
	if d, ok := read[journal.ACSState](data); ok {
		e.Tone = tone(d.State)
		e.add("State", d.State, "Before", d.Was, "Because", d.Reason, "Backup", d.Backup)
	}
}

func (e *entry) readCampaign(data json.RawMessage) {
	if d, ok := read[journal.CampaignStep](data); ok {
		e.Tone = tone(d.Status)
		e.add("Campaign", d.Campaign, "Status", words(d.Status), "Wave", strconv.Itoa(d.Wave+1), "Because", d.Reason)
	}
}

func (e *entry) readCertificate(data json.RawMessage) {
	if d, ok := read[journal.Certificate](data); ok {
		e.Tone = "info"
		if d.Reason != "" {
			e.Tone = "warn"
		}
		e.add("Names", strings.Join(d.Names, ", "), "Change", words(d.Change), "Because", d.Reason)
	}
}

func (e *entry) readAudit(data json.RawMessage) {
	if d, ok := read[journal.Audit](data); ok {
		e.Audit, e.Tone = &d, "info"
		if d.Status >= 400 {
			e.Tone = "warn"
		}
		e.add("Token", d.Token, "Role", d.Role, "From", d.From, "Request", d.Method+" "+d.Path, "Status", strconv.Itoa(d.Status), "Detail", d.Detail)
	}
}
