package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/acsgate/acsgate/internal/journal"
)

// TestAudit_SaysWhoDidWhat: writes and refusals and downloads, in the file, by the
// API and as events, and no secrets.
func TestAudit_SaysWhoDidWhat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	t.Run("a life", func(t *testing.T) {
		f, s := startFake(t, func(c *Config) { c.AuditFile = path })
		device := "devices/" + oddDevice.String()
		api(t, s, viewerToken, "POST", device+"/connection-request", "").wantStatus(t, 403)
		api(t, s, operatorToken, "POST", device+"/connection-request", "").wantStatus(t, 200)
		api(t, s, operatorToken, "POST", "connection-requests", `{"all":true}`).wantStatus(t, 200)
		api(t, s, adminToken, "PUT", device+"/assignment", `{"acs":"south"}`, "If-Match", "*").wantStatus(t, 200)
		api(t, s, adminToken, "POST", device+"/captures", "").wantStatus(t, 201)
		api(t, s, adminToken, "GET", "captures/c0/har", "").wantStatus(t, 200)
		api(t, s, adminToken, "GET", device, "").wantStatus(t, 200)
		api(t, s, "nobody", "POST", "reload", "").wantStatus(t, 401)
		var list AuditList
		if err := json.Unmarshal([]byte(api(t, s, adminToken, "GET", "audit?limit=2", "").body), &list); err != nil || len(list.Records) != 2 || list.Records[0].Method != "GET" {
			t.Errorf("%+v %v", list, err)
		}
		f.Publish(journal.Event{Kind: journal.KindSession, Text: "the end"})
		if lines, _ := readAll(t, s, adminToken, EventQuery{Kinds: []journal.Kind{journal.KindAudit, journal.KindSession}}); len(lines) != 7 {
			t.Errorf("events: %q", lines)
		}
	})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != auditFileMode {
		t.Errorf("mode %v", info.Mode())
	}
	var got []string
	for line := range bytes.Lines(data) {
		var r AuditRecord
		if err := json.Unmarshal(line, &r); err != nil || r.From != "127.0.0.1" || r.At == "" {
			t.Errorf("%s: %v", line, err)
		}
		got = append(got, fmt.Sprintf("%s %s %s %d %s", r.Token, r.Role, r.Method, r.Status, r.Detail))
	}
	want := []string{
		`wall viewer POST 403 token "wall" lacks the role operator`, "noc operator POST 200 came",
		"noc operator POST 202 begun: all devices", "noc operator POST 200 0 asked, 0 came",
		"root admin PUT 200 from the rules to south", "root admin POST 201 capture c0 for 10m0s", "root admin GET 200 of " + oddDevice.String(),
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(string(data), adminToken) || strings.Contains(string(data), "nobody") {
		t.Error("a token is in the file")
	}
	// The next life knows of it.
	again, err := newAudits(path, zap.NewNop(), prometheus.NewCounter(prometheus.CounterOpts{}))
	if err != nil || len(again.latest(maxAudits)) != len(want) {
		t.Errorf("%d records, %v", len(again.latest(maxAudits)), err)
	}
}

// runAudits writes records as a server does and waits until they are written.
func runAudits(a *audits, records ...AuditRecord) {
	stop, done := make(chan struct{}), make(chan struct{})
	for _, r := range records {
		a.add(r)
	}
	go func() { defer close(done); a.run(stop) }()
	close(stop)
	<-done
}

func record(n int) AuditRecord {
	return AuditRecord{At: fmt.Sprint(n), Audit: journal.Audit{Token: "t", Detail: strings.Repeat("x", 100)}}
}

func TestAudits_OneFormerFileIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	failures := prometheus.NewCounter(prometheus.CounterOpts{})
	a, err := newAudits(path, zap.NewNop(), failures)
	if err != nil {
		t.Fatal(err)
	}
	a.most = 1000
	for i := range 100 {
		runAudits(a, record(i))
	}
	now, before := readFile(t, path), readFile(t, path+formerSuffix)
	if len(now) > 1000 || len(before) > 1000 || len(before) < 500 || !strings.Contains(now, `"at":"99"`) || testutil.ToFloat64(failures) != 0 {
		t.Errorf("%d and %d bytes", len(now), len(before))
	}
	// A line that a crash has cut does not take the next one with it.
	if err := os.WriteFile(path, []byte(`{"at":"cut","tok`), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := newAudits(path, zap.NewNop(), failures)
	if err != nil {
		t.Fatal(err)
	}
	runAudits(again, record(100))
	if lines := strings.Split(readFile(t, path), "\n"); len(lines) != 3 || !json.Valid([]byte(lines[1])) {
		t.Errorf("%q", lines)
	}
}

func TestAudits_FailuresAreCountedAndLoggedOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.ErrorLevel)
	failures := prometheus.NewCounter(prometheus.CounterOpts{})
	a, err := newAudits(filepath.Join(dir, "audit.log"), zap.New(core), failures)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	runAudits(a, record(1), record(2))
	if testutil.ToFloat64(failures) != 2 || logs.Len() != 1 {
		t.Errorf("%v failures, %d lines", testutil.ToFloat64(failures), logs.Len())
	}
	for range maxAuditQueue + 5 {
		a.add(record(3))
	}
	if testutil.ToFloat64(failures) != 7 || len(a.latest(maxAudits+1)) != maxAudits {
		t.Errorf("%v failures with a full queue, %d records", testutil.ToFloat64(failures), len(a.latest(maxAudits+1)))
	}
	if _, err := newAudits(filepath.Join(dir, "audit.log"), zap.NewNop(), failures); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestAudits_ALongPathHidesNothing: neither what it asks for nor what came after it.
func TestAudits_ALongPathHidesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	t.Run("write", func(t *testing.T) {
		_, s := startFake(t, func(c *Config) { c.AuditFile = path })
		api(t, s, viewerToken, "POST", "devices/"+strings.Repeat("&", 14<<10)+"/connection-request", "").wantStatus(t, 403)
		api(t, s, viewerToken, "POST", "reload", "").wantStatus(t, 403)
	})
	text := readFile(t, path)
	for line := range strings.Lines(text) {
		if len(line) > 8<<10 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	long := `{"at":"long","path":"` + strings.Repeat("x", 3*maxAuditRecord) + `"}` + "\n"
	if err := os.WriteFile(path, []byte(`{"at":"first"}`+"\n"+long+text+`{"at":"last, without an end of its line"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := newAudits(path, zap.NewNop(), prometheus.NewCounter(prometheus.CounterOpts{}))
	if err != nil {
		t.Fatal(err)
	}
	if got := a.latest(10); len(got) != 4 || !strings.HasPrefix(got[0].At, "last") || got[1].Path != "/api/v1/reload" || got[3].At != "first" {
		t.Errorf("%d records: %.300v", len(got), got)
	}
}
