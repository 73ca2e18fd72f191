package cwmp

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// captures returns the bodies that third-party clients and ACSs sent, by name.
func captures(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/captures/*/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	bodies := make(map[string][]byte, len(files))
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		bodies[strings.TrimPrefix(filepath.ToSlash(f), "testdata/captures/")] = body
	}
	return bodies
}

func everything([]byte) bool { return true }

// TestCaptures_Golden compares what Scan finds in real messages with what was
// read in them by eye.
func TestCaptures_Golden(t *testing.T) {
	const golden = "testdata/captures.golden"
	var out bytes.Buffer
	bodies := captures(t)
	for _, name := range sortedKeys(bodies) {
		m, err := Scan(bodies[name], Options{Params: everything})
		if err != nil { // the text of a 401
			fmt.Fprintf(&out, "%s: %q %v\n", name, bodies[name], err)
			continue
		}
		describe(&out, name, bodies[name], m)
	}
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("captures (-want +got):\n%s", diff)
	}
}

func describe(out *bytes.Buffer, name string, body []byte, m Message) {
	fmt.Fprintf(out, "%s: %v %s id=%q %+v declaration=%q\n", name, m.Kind, m.Method, m.ID, m.Dialect,
		body[m.Declaration.Start:m.Declaration.End])
	if m.Method == MethodInform {
		fmt.Fprintf(out, "  device %s of %q retry %d envelopes %d root %s\n", m.Device, m.Device.Manufacturer, m.RetryCount, m.MaxEnvelopes, m.Root)
	}
	for _, e := range m.Events {
		fmt.Fprintf(out, "  event %q key %q\n", e.Code, e.CommandKey)
	}
	for _, p := range m.Params {
		fmt.Fprintf(out, "  %s %s = %q in %q\n", p.Name, p.Type, p.Value, body[p.At.Start:p.At.End])
	}
	if m.Kind == Fault {
		fmt.Fprintf(out, "  fault %s %q\n", m.FaultCode, m.FaultString)
	}
}

// TestCaptures_Oracle holds Scan against encoding/xml on every capture.
func TestCaptures_Oracle(t *testing.T) {
	for name, body := range captures(t) {
		t.Run(name, func(t *testing.T) {
			if !compareWithXML(t, body, Options{Params: everything, Elements: testPaths}) {
				t.Fatal("encoding/xml does not read the capture")
			}
		})
	}
}

// TestCaptures_Truncated cuts every capture at every byte: never a panic,
// never a message before the envelope is complete.
func TestCaptures_Truncated(t *testing.T) {
	for name, body := range captures(t) {
		if !bytes.Contains(body, []byte("Envelope")) {
			continue
		}
		complete := bytes.LastIndexByte(body, '>') + 1
		for n := range body {
			m, err := Scan(body[:n], Options{Params: everything})
			switch {
			case n >= complete && err != nil:
				t.Fatalf("%s cut at %d: %v", name, n, err)
			case n < complete && err == nil && m.Kind != Empty:
				t.Fatalf("%s cut at %d: %v %s without an error", name, n, m.Kind, m.Method)
			case err != nil && (m.Kind != Unknown || m.Method != ""):
				t.Fatalf("%s cut at %d: %v %s with an error", name, n, m.Kind, m.Method)
			}
		}
	}
}

// TestC51_CapturesRewritten edits every parameter of every capture and demands
// that all other bytes stay.
func TestC51_CapturesRewritten(t *testing.T) {
	for name, body := range captures(t) {
		t.Run(name, func(t *testing.T) { checkRewrite(t, body, "", `http://a.example/?x=1&y=<">`) })
	}
}
