package main

import (
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestSessionsThatWriteTheURL(t *testing.T) {
	s, address := startTestACS(t, false)
	own := "http://" + address
	s.writeURL(own)
	run := testLoad(address, 20)
	run.script = newURLScript(own, own)
	if got := run.run(t.Context()); got.Failures != 0 {
		t.Fatalf("%d failures, first: %v", got.Failures, got.FirstErr)
	}
	if st := s.snapshot(); st.Informs != 20 || st.Own != 20 {
		t.Errorf("ACS counted %+v; want its own URL in each Inform", st)
	}
	run.script = newURLScript(guardCPEURL, guardCPEURL)
	if got := run.run(t.Context()); got.Failures != 20 || !strings.Contains(got.FirstErr.Error(), guardCPEURL) {
		t.Errorf("%d failures, first: %v; want each CPE to refuse a URL that it does not expect", got.Failures, got.FirstErr)
	}
	if st := s.snapshot(); st.Informs != 40 || st.Own != 20 {
		t.Errorf("ACS counted %+v; want another URL in half of the Informs", st)
	}
}

func TestSettingIsXMLOfItsSize(t *testing.T) {
	for _, text := range []string{settingBody(guardCPEURL, rpcSize), setBody()} {
		var root struct{ XMLName xml.Name }
		if err := xml.Unmarshal([]byte(text), &root); err != nil || root.XMLName.Local != "Envelope" {
			t.Errorf("%v: %s", err, text)
		}
	}
	if off := len(settingBody(guardCPEURL, rpcSize)) - rpcSize; off < -250 || off > 400 {
		t.Errorf("a SetParameterValues misses its size by %d bytes", off)
	}
}

func TestTakeoverIsJudgedByWhenSessionsBegan(t *testing.T) {
	at := func(ms int) time.Time { return testStart.Add(time.Duration(ms) * time.Millisecond) }
	broken := errors.New("broken")
	s := &steady{held: []heldSession{
		{at(0), at(5), nil},        // before the ACS stopped
		{at(9), at(30), broken},    // under way when it did
		{at(12), at(35), nil},      // waited for the backup
		{at(15), at(21), broken},   // before it was down
		{at(20), at(29), nil},      // after
		{at(21), at(26), nil},      // the first to be served
		{at(22), at(23), broken},   // none
		{at(500), at(505), broken}, // none
	}}
	got := s.judge(at(10), at(20))
	if got.down != 10*time.Millisecond || got.served != 6*time.Millisecond || got.before != (tally{2, 1, broken}) || got.after != (tally{4, 2, broken}) {
		t.Errorf("takeover = %+v", got)
	}
	if err := s.healthy(at(10)); err != nil {
		t.Error(err)
	}
	if err := s.healthy(at(40)); !errors.Is(err, broken) {
		t.Errorf("a session that failed before: %v", err)
	}
	if err := s.healthy(at(1)); err == nil {
		t.Error("no session before: no error")
	}
}

func TestFindDown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	lines := []string{
		`{"level":"info","time":"2026-03-01T12:00:00Z","msg":"ready"}`,
		`{"time":"2026-03-01T12:00:01Z","msg":"acs changed state","acs":"bench","state":"suspect"}`,
		`{"time":"2026-03-01T12:00:02Z","msg":"acs changed state","acs":"backup","state":"down"}`,
		`{"time":"2026-03-01T12:00:03.5Z","msg":"acs changed state","acs":"bench","state":"down","reason":"probe: connection refused"}`,
		`{"time":"2026-03-01T12:00:09Z","msg":"acs changed state","acs":"bench","state":"down"}`,
		`{"time":"2026-03-01T12:00:09Z","msg":"acs changed st`,
	}
	write := func(n int) {
		if err := os.WriteFile(file, []byte(strings.Join(lines[:n], "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(3)
	if _, err := findDown(file); !errors.Is(err, errNotDown) {
		t.Errorf("not down yet: %v", err)
	}
	write(len(lines))
	got, err := findDown(file)
	want := stateChange{Time: testStart.Add(3500 * time.Millisecond), Msg: "acs changed state", ACS: "bench", State: "down", Reason: "probe: connection refused"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestDrainRates(t *testing.T) {
	d := &drained{first: testStart}
	for i := range 1501 { // 500 in the first second, 250 in the second, 750 in the third, 1 later
		at := time.Duration(i) * 2 * time.Millisecond
		if i >= 500 {
			at = time.Second + time.Duration(i-500)*4*time.Millisecond
		}
		if i >= 750 {
			at = 2*time.Second + time.Duration(i-750)*time.Second/750
		}
		d.asked = append(d.asked, testStart.Add(at))
		d.last = testStart.Add(at)
	}
	whole, slowest, quickest := d.rates()
	if whole < 499.9 || whole > 500.1 || slowest != 250 || quickest != 750 {
		t.Errorf("rates %f, %d to %d", whole, slowest, quickest)
	}
}

func TestDocumentKeepsTheMachineOfItsOtherSections(t *testing.T) {
	file := filepath.Join(t.TempDir(), "benchmarks.md")
	text := "<!-- bench:machine -->\n<!-- /bench:machine -->\n<!-- bench:tls -->\n<!-- /bench:tls -->\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func() string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first, second := machine{cpu: "first", cores: 2}, machine{cpu: "second", cores: 4}
	const other = "Measured on another machine"
	for range 2 {
		if err := updateDocument(file, first, []report{{section: "tls"}}, true); err != nil {
			t.Fatal(err)
		}
		if got := read(); !strings.Contains(got, first.markdown()) || strings.Contains(got, other) {
			t.Errorf("on the first machine:\n%s", got)
		}
	}
	if err := updateDocument(file, second, []report{{section: "tls"}}, true); err != nil {
		t.Fatal(err)
	}
	if got := read(); !strings.Contains(got, first.markdown()) || strings.Contains(got, second.markdown()) || !strings.Contains(got, other+" than the one above: second, 4 cores") {
		t.Errorf("on another:\n%s", got)
	}
}
