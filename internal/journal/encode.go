package journal

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Bounds of an event.
const (
	maxText = 512      // bytes of Text
	maxData = 16 << 10 // bytes of Data as JSON
	maxLegs = 64       // of a Session
)

// encoder makes batches of events. One goroutine at a time may use it.
type encoder struct {
	log     *zap.Logger
	metrics *metrics
	text    []byte // of the batch that is being made
	names   []byte // of its devices and ACSs
	spans   []span
	notes   []note
	json    *json.Encoder
}

func newEncoder(log *zap.Logger, m *metrics) *encoder {
	e := &encoder{log: log, metrics: m}
	e.json = json.NewEncoder(e)
	return e
}

// Write is what json writes to.
func (e *encoder) Write(p []byte) (int, error) {
	e.text = append(e.text, p...)
	return len(p), nil
}

// encode makes a batch of as many events as one should have, at least one. It returns
// what timelines get of each, until its next call, and the rest of the events. The
// batch refers to nothing of the events' own memory, since their strings may be parts
// of whole messages.
func (e *encoder) encode(events []Event) (*batch, []note, []Event) {
	e.text, e.names, e.spans, e.notes = e.text[:0], e.names[:0], e.spans[:0], e.notes[:0]
	n := 0
	for ; n < len(events) && len(e.text) < maxBatch; n++ {
		e.spans = append(e.spans, e.event(&events[n]))
	}
	b := &batch{frames: make([]Frame, n), text: append([]byte(nil), e.text...), starts: make([]int, n+1)}
	names := string(e.names)
	name := func(of string) (copied string) {
		copied, names = names[:len(of)], names[len(of):]
		return copied
	}
	for i := range e.spans {
		s, ev, f := &e.spans[i], &events[i], &b.frames[i]
		end := s.end - len(afterData)
		f.ID, f.Kind, f.JSON = ev.ID, ev.Kind, b.text[s.json:end:end]
		f.Device = cwmp.DeviceID{OUI: name(ev.Device.OUI), ProductClass: name(ev.Device.ProductClass), SerialNumber: name(ev.Device.SerialNumber)}
		f.ACS = name(ev.ACS)
		b.starts[i+1] = s.end
		e.notes = append(e.notes, note{header: &f.Header, at: ev.At, text: s.line, data: b.text[s.data:s.dataEnd]})
	}
	return b, e.notes, events[n:]
}

// note is what the timeline of a device gets of an event.
type note struct {
	header *Header
	at     time.Time
	text   string
	data   []byte
}

// span is where an event lies in the text of its batch.
type span struct {
	json, data, dataEnd, end int
	line                     string // Text as it is shown
}

// What stands around the JSON document in a text/event-stream.
const (
	beforeID   = "id: "
	beforeKind = "\nevent: "
	beforeData = "\ndata: "
	afterData  = "\n\n"
)

// event appends an event as text/event-stream. Its JSON has no line break.
func (e *encoder) event(ev *Event) (s span) {
	s.line = oneLine(ev.Text)
	e.names = append(append(append(append(e.names, ev.Device.OUI...), ev.Device.ProductClass...), ev.Device.SerialNumber...), ev.ACS...)
	b := strconv.AppendUint(append(e.text, beforeID...), ev.ID, 10)
	if known(ev.Kind) {
		b = append(append(b, beforeKind...), ev.Kind...)
	}
	b = append(b, beforeData...)
	s.json = len(b)
	b = strconv.AppendUint(append(b, `{"id":`...), ev.ID, 10)
	b = append(appendTime(append(b, `,"at":"`...), ev.At), '"')
	b = appendString(append(b, `,"kind":`...), string(ev.Kind))
	if ev.Device.Key() != (cwmp.Key{}) {
		b = append(append(append(b, `,"device":"`...), ev.Device.String()...), '"') // which escapes all
	}
	if ev.ACS != "" {
		b = appendString(append(b, `,"acs":`...), ev.ACS)
	}
	e.text = appendString(append(b, `,"text":`...), s.line)
	if ev.Data != nil {
		s.data, s.dataEnd = e.data(ev)
	}
	e.text = append(append(e.text, '}'), afterData...)
	s.end = len(e.text)
	return s
}

// data appends the document of an event and returns where it is. One that cannot be
// encoded, or is too large, is left out.
func (e *encoder) data(ev *Event) (start, end int) {
	const key = `,"data":`
	before := len(e.text)
	e.text = append(e.text, key...)
	err := e.json.Encode(bounded(ev.Data))
	end = len(e.text) - 1 // the line break
	start = before + len(key)
	if err == nil && end-start <= maxData {
		e.text = e.text[:end]
		return start, end
	}
	e.text = e.text[:before]
	e.metrics.data.Inc()
	if err != nil {
		e.log.Error("event has no JSON", zap.String("kind", string(ev.Kind)), zap.Error(err))
	}
	return 0, 0
}

// bounded leaves out what would make a document too large.
func bounded(data any) any {
	if s, ok := data.(*Session); ok && s != nil && len(s.Legs) > maxLegs {
		short := *s
		short.Legs, short.LegsCut = s.Legs[:maxLegs], s.LegsCut+len(s.Legs)-maxLegs
		return &short
	}
	return data
}

// appendTime writes a time as RFC 3339 has it, in UTC.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, time.RFC3339Nano)
}

// oneLine returns a text as one line of characters that can be seen. What a CPE has
// sent may be in it, and terminals obey some of the others.
func oneLine(text string) string {
	plain := len(text) <= maxText
	for i := 0; plain && i < len(text); i++ {
		plain = ' ' <= text[i] && text[i] <= '~'
	}
	if plain {
		return text
	}
	if len(text) > maxText {
		cut := maxText
		for cut > maxText-utf8.UTFMax && !utf8.RuneStart(text[cut]) { // not within a character
			cut--
		}
		text = text[:cut]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' '
	}, text)
}

func known(k Kind) bool {
	switch k {
	case KindInform, KindSession, KindBinding, KindConnectionRequest, KindInjection, KindMove,
		KindACS, KindCampaign, KindCertificate, KindAudit:
		return true
	}
	return false
}
