package journal

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// oracle is an event as encoding/json writes it.
type oracle struct {
	ID     uint64    `json:"id"`
	At     time.Time `json:"at"`
	Kind   Kind      `json:"kind"`
	Device string    `json:"device,omitempty"`
	ACS    string    `json:"acs,omitempty"`
	Text   string    `json:"text"`
	Data   any       `json:"data,omitempty"`
}

func oracleOf(e *Event) oracle {
	o := oracle{ID: e.ID, At: e.At.UTC(), Kind: e.Kind, ACS: e.ACS, Text: oneLine(e.Text), Data: e.Data}
	if e.Device.Key() != (cwmp.Key{}) {
		o.Device = e.Device.String()
	}
	return o
}

// nasty is what CPEs put into strings.
var nasty = []string{
	"", "plain", `</script><script>alert("1")</script>`, "\xff\xfe", "a\x00b\x1b[31m", "\u2028\u2029", "é\xc3", "\r\n\r\ndata: x\n", `\"'`, "&amp;", "\u202eabc",
	strings.Repeat("é", 600), strings.Repeat("\xff", 600), strings.Repeat("x", 511) + "\U0001F600",
}

func FuzzEncode(f *testing.F) {
	for i, s := range nasty {
		f.Add(s, nasty[(i+1)%len(nasty)], nasty[(i+2)%len(nasty)], int64(i)*1e17, 1.5)
	}
	j := newJournal(f, Config{})
	f.Fuzz(func(t *testing.T, serial, acs, text string, nano int64, took float64) {
		if len(serial)+len(text) > 2000 {
			t.Skip("the document would be left out")
		}
		e := Event{
			ID: uint64(nano), At: time.Unix(0, nano), Kind: KindSession, Device: cwmp.DeviceID{OUI: "00D09E", SerialNumber: serial},
			ACS: acs, Text: text, Data: &Session{Error: text, RPCs: []string{serial}, TookMS: took},
		}
		want, err := json.Marshal(oracleOf(&e))
		if err != nil { // a number that JSON has not
			e.Data = nil
			want, err = json.Marshal(oracleOf(&e))
		}
		if err != nil {
			t.Fatal(err)
		}
		b, notes, rest := j.encoder.encode([]Event{e})
		got := b.frames[0]
		if !bytes.Equal(got.JSON, want) || len(rest) != 0 {
			t.Fatalf("\n got %s\nwant %s", got.JSON, want)
		}
		sse := "id: " + idOf(want) + "\nevent: session\ndata: " + string(want) + "\n\n"
		if string(b.text) != sse {
			t.Errorf("\n got %q\nwant %q", b.text, sse)
		}
		if got.Device != e.Device || got.ACS != acs || got.ID != e.ID {
			t.Errorf("header %+v", got.Header)
		}
		back := parseRecord(appendRecord(nil, &notes[0]))
		if back.ID != e.ID || !back.At.Equal(e.At) || back.Kind != e.Kind || back.Text != oneLine(text) || len(acs) <= maxText && back.ACS != acs {
			t.Errorf("record %+v of %+v", back, e)
		}
		if data, _ := json.Marshal(e.Data); e.Data != nil && !bytes.Equal(back.Data, data) || e.Data == nil && back.Data != nil {
			t.Errorf("data %s", back.Data)
		}
	})
}

// idOf is the ID at the beginning of a document.
func idOf(doc []byte) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(string(doc), `{"id":`), ",")
	return id
}

func FuzzOneLine(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := oneLine(text)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x1b\x00\u2028\u202e\u0085") {
			t.Errorf("%q", got)
		}
		if utf8.RuneCountInString(got) > maxText || len(text) <= maxText && utf8.RuneCountInString(got) != utf8.RuneCountInString(text) {
			t.Errorf("%q of %q", got, text)
		}
	})
}

func TestEncode_EveryKind(t *testing.T) {
	docs := map[Kind]any{
		KindInform: &Inform{Events: nasty}, KindSession: &Session{Legs: []Leg{{Request: nasty[2]}}}, KindBinding: &Binding{Local: nasty[3]},
		KindConnectionRequest: &ConnectionRequest{Attempts: []Attempt{{To: nasty[4]}}}, KindInjection: &Injection{Text: nasty[5]},
		KindMove: &Move{From: nasty[6]}, KindACS: &ACSState{Reason: nasty[7]}, KindCampaign: &CampaignStep{Reason: nasty[8]},
		KindCertificate: &Certificate{Names: nasty}, KindAudit: &Audit{Detail: nasty[2]},
	}
	j := newJournal(t, Config{})
	for _, kind := range Kinds() {
		data, ok := docs[kind]
		if !ok || !known(kind) {
			t.Fatalf("kind %q is not tested, or unknown", kind)
		}
		e := Event{ID: 7, At: time.Unix(1, 5), Kind: kind, Text: nasty[2], Data: data}
		b, _, _ := j.encoder.encode([]Event{e})
		want, err := json.Marshal(oracleOf(&e))
		if err != nil || !bytes.Equal(b.frames[0].JSON, want) {
			t.Errorf("%s: %v\n got %s\nwant %s", kind, err, b.frames[0].JSON, want)
		}
	}
}

// TestEncode_LeavesOut: a document that is too large, or no JSON, costs itself alone.
func TestEncode_LeavesOut(t *testing.T) {
	j := newJournal(t, Config{})
	long := &Session{Legs: make([]Leg, 3*maxLegs), LegsCut: 1}
	large := &Session{Error: strings.Repeat("x", maxData)}
	b, notes, _ := j.encoder.encode([]Event{{Data: long}, {Data: large}, {Data: &Session{TookMS: math.NaN()}}, {Data: &Injection{Name: "last"}}})
	var first Session
	if err := json.Unmarshal(notes[0].data, &first); err != nil || len(first.Legs) != maxLegs || first.LegsCut != 2*maxLegs+1 || len(long.Legs) != 3*maxLegs {
		t.Errorf("%v, %d legs, %d cut", err, len(first.Legs), first.LegsCut)
	}
	if len(notes[1].data)+len(notes[2].data) > 0 || string(notes[3].data) != `{"name":"last","outcome":"","text":""}` {
		t.Errorf("%.100s, %s, %s", notes[1].data, notes[2].data, notes[3].data)
	}
	if got := testutil.ToFloat64(j.metrics.data); got != 2 {
		t.Errorf("%v were counted", got)
	}
	for _, f := range b.frames {
		if !json.Valid(f.JSON) {
			t.Errorf("not JSON: %.200s", f.JSON)
		}
	}
}

// TestEncode_KeepsNoMoreThanItShows: strings of an event may be parts of a message of
// a CPE's, which may be large, and must not keep the rest of it in memory.
func TestEncode_KeepsNoMoreThanItShows(t *testing.T) {
	message := strings.Repeat("x", 1<<20)
	within := func(s string) bool {
		p, start := uintptr(unsafe.Pointer(unsafe.StringData(s))), uintptr(unsafe.Pointer(unsafe.StringData(message)))
		return p >= start && p < start+uintptr(len(message))
	}
	id := cwmp.DeviceID{OUI: message[:6], ProductClass: message[6:9], SerialNumber: message[9:20]}
	j := newJournal(t, Config{})
	b, _, _ := j.encoder.encode([]Event{{Kind: KindInform, Device: id, ACS: message[20:25], Text: message}})
	h := b.frames[0].Header
	for _, s := range []string{h.Device.OUI, h.Device.ProductClass, h.Device.SerialNumber, h.ACS} {
		if s == "" || within(s) {
			t.Errorf("%q is part of the message", s)
		}
	}
	if len(b.text) > 2*maxText {
		t.Errorf("%d bytes", len(b.text))
	}
}
