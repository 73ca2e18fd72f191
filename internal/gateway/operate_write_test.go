package gateway

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/journal"
)

// TestAssignment_ETag: a binding is changed by who knows the one before, the next
// session goes by it, and the timeline tells of it.
func TestAssignment_ETag(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{routes: "  - {name: bound, match: {oui: [FFFFFF]}, assigned: true, acs: north}\n"})
	c := w.known("", 1)
	path := "devices/" + c.Device().String()
	tag := w.ask("wall", http.MethodGet, path+"/assignment", "").header.Get("ETag")
	if of := w.ask("wall", http.MethodGet, path, "").header.Get("ETag"); of == "" || of != tag {
		t.Errorf("the device has the ETag %q, its assignment %q", of, tag)
	}
	want(t, w.live(c), "north") // which changes no ETag
	path += "/assignment"
	const south = `{"acs":"south"}`
	w.status(http.StatusPreconditionRequired, "root", http.MethodPut, path, south)
	w.status(http.StatusBadRequest, "root", http.MethodPut, path, `{"acs":"nowhere"}`, "If-Match", tag)
	w.status(http.StatusForbidden, "noc", http.MethodPut, path, south, "If-Match", tag)
	want(t, w.live(c), "north")
	good := w.ask("root", http.MethodPut, path, south, "If-Match", tag)
	if good.status != http.StatusOK || good.header.Get("ETag") == tag || !strings.Contains(good.body, `"acs":"south"`) {
		t.Fatalf("%+v", good)
	}
	stale := w.ask("root", http.MethodPut, path, `{"acs":"north"}`, "If-Match", tag)
	if stale.status != http.StatusPreconditionFailed || !strings.Contains(stale.body, strings.Trim(good.header.Get("ETag"), `"`)) {
		t.Errorf("%+v", stale)
	}
	want(t, w.live(c), "south")
	w.status(http.StatusPreconditionFailed, "root", http.MethodDelete, path, "", "If-Match", tag)
	w.status(http.StatusOK, "root", http.MethodDelete, path, "", "If-Match", good.header.Get("ETag"))
	want(t, w.live(c), "north")
	var texts []string
	for _, e := range w.timeline("wall", c.Device()) {
		if e.Kind == journal.KindMove {
			texts = append(texts, e.Text)
		}
	}
	if want := []string{"is assigned to south", "is assigned to no ACS any more, was to south"}; !slices.Equal(texts, want) {
		t.Errorf("the timeline says %q, want %q", texts, want)
	}
	moves := dataOf[journal.Move](t, w.timeline("wall", c.Device()), journal.KindMove)
	if moves[0].To != "south" || moves[0].From != "" || moves[1].From != "south" || moves[1].To != "" {
		t.Errorf("%+v", moves)
	}
	sessions := dataOf[journal.Inform](t, w.timeline("wall", c.Device()), journal.KindInform)
	if r := sessions[len(sessions)-2].Reason; !strings.Contains(r, "assigned to south") {
		t.Errorf("it went to south because of %q", r)
	}
}

// TestAssignment_AtOnce: of all who know the same state, one changes it.
func TestAssignment_AtOnce(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{routes: "  - {name: bound, match: {oui: [FFFFFF]}, assigned: true, acs: north}\n"})
	c := w.known("", 1)
	path := "devices/" + c.Device().String() + "/assignment"
	tag := w.ask("wall", http.MethodGet, path, "").header.Get("ETag")
	answers := make(chan int, 16)
	for range cap(answers) {
		go func() { answers <- w.ask("root", http.MethodPut, path, `{"acs":"south"}`, "If-Match", tag).status }()
	}
	counts := map[int]int{}
	for range cap(answers) {
		counts[<-answers]++
	}
	if counts[http.StatusOK] != 1 || counts[http.StatusPreconditionFailed] != cap(answers)-1 {
		t.Errorf("answers by status: %v", counts)
	}
	if n := len(dataOf[journal.Move](t, w.timeline("wall", c.Device()), journal.KindMove)); n != 1 {
		t.Errorf("%d moves", n)
	}
	for _, acs := range []string{"", "north"} { // who is slow thinks that it is bound to north
		if err := w.assign(t.Context(), c.Device(), "north", acs); !errors.Is(err, admin.ErrConflict) {
			t.Errorf("to %q: %v", acs, err)
		}
	}
}

// TestAssignment_ThatNoRuleGoesBy is refused: it would look done, and change nothing.
func TestAssignment_ThatNoRuleGoesBy(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{})
	c := w.known("", 1)
	path := "devices/" + c.Device().String() + "/assignment"
	if body := w.status(http.StatusConflict, "root", http.MethodPut, path, `{"acs":"south"}`, "If-Match", "*"); !strings.Contains(body, "assigned: true") {
		t.Errorf("%s", body)
	}
	if now := get[admin.Assignment](w, "wall", path); now.ACS != "" {
		t.Errorf("%+v", now)
	}
}

// TestWake_IdempotencyKey: the same request twice is one Connection Request.
func TestWake_IdempotencyKey(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{})
	h := w.natted(1)
	path := "devices/" + h.id.String() + "/connection-request"
	first := w.ask("noc", http.MethodPost, path, "", "Idempotency-Key", "ticket-1")
	called := h.called.Load()
	second := w.ask("noc", http.MethodPost, path, "", "Idempotency-Key", "ticket-1")
	if first.status != http.StatusOK || !strings.Contains(first.body, `"ok":true`) || called == 0 {
		t.Fatalf("%+v, called %d times", first, called)
	}
	if second.body != first.body || second.status != first.status || second.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if n := len(dataOf[journal.ConnectionRequest](t, w.timeline("noc", h.id), journal.KindConnectionRequest)); n != 1 {
		t.Errorf("%d Connection Requests were sent", n)
	}
	w.status(http.StatusUnprocessableEntity, "noc", http.MethodPost, strings.Replace(path, "000001", "000002", 1), "", "Idempotency-Key", "ticket-1")
	if got := w.ask("root", http.MethodPost, path, "", "Idempotency-Key", "ticket-1"); got.status != http.StatusOK || got.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("another's key is mine: %+v", got)
	}
}

// TestAudit: whatever is written, or refused, is a line of the audit log that outlives
// the gateway, and holds no secret.
func TestAudit(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{routes: "  - {name: bound, match: {oui: [FFFFFF]}, assigned: true, acs: north}\n"})
	c := w.known("", 1)
	device := "devices/" + c.Device().String()
	type line struct {
		token, role, method, path string
		status                    int
	}
	var wanted []line
	do := func(status int, token, role, method, path, body string, header ...string) {
		t.Helper()
		w.status(status, token, method, path, body, header...)
		wanted = append(wanted, line{token, role, method, admin.PathAPI + path, status})
	}
	do(http.StatusOK, "root", "admin", "PUT", device+"/assignment", `{"acs":"south"}`, "If-Match", "*")
	do(http.StatusPreconditionFailed, "root", "admin", "PUT", device+"/assignment", `{"acs":"south"}`, "If-Match", `"0"`)
	do(http.StatusForbidden, "wall", "viewer", "POST", device+"/connection-request", "")
	do(http.StatusOK, "noc", "operator", "POST", device+"/connection-request", "")
	do(http.StatusCreated, "noc", "operator", "POST", device+"/captures", `{"duration":"1m"}`)
	do(http.StatusOK, "root", "admin", "POST", "reload", "")
	do(http.StatusCreated, "root", "admin", "POST", "campaigns", `{"name":"d","kind":"drain","from":["north"],"to":"south","mode":"route"}`)
	do(http.StatusNotFound, "root", "admin", "POST", "campaigns/none/start", "", "If-Match", "*")
	w.status(http.StatusUnauthorized, "stranger", "POST", "reload", "") // nobody's, and counted alone
	w.status(http.StatusOK, "wall", "GET", "devices", "")               // writes nothing
	check := func(what string, records []admin.AuditRecord) {
		t.Helper()
		var got []line
		for _, r := range records {
			if r.From != "127.0.0.1" || r.At == "" {
				t.Errorf("%s: %+v", what, r)
			}
			got = append(got, line{r.Token, r.Role, r.Method, r.Path, r.Status})
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: %+v, want %+v", what, got, wanted)
		}
	}
	latest := w.audit("root")
	slices.Reverse(latest)
	check("the API", latest)
	w.status(http.StatusForbidden, "noc", "GET", "audit", "")
	w.stop()
	check("the file", w.auditFile())
	w.begins()
	latest = w.audit("root")
	slices.Reverse(latest)
	check("after a restart", latest)
}

// auditFile reads the audit log as it is on the disk.
func (w *operated) auditFile() (records []admin.AuditRecord) {
	w.t.Helper()
	path := filepath.Join(w.dir, auditFile)
	info, err := os.Stat(path)
	if err != nil {
		w.t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		w.t.Errorf("the audit log has mode %v", info.Mode())
	}
	file, err := os.Open(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var r admin.AuditRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			w.t.Errorf("%s: %v", lines.Text(), err)
		}
		for _, name := range []string{"root", "noc", "wall", "stranger"} {
			if strings.Contains(lines.Text(), secretOf(name)) {
				w.t.Errorf("the audit log has a token: %s", lines.Text())
			}
		}
		records = append(records, r)
	}
	return records
}

// TestConfig_ByAPI: what is wrong with the file is listed where it is, and changes
// nothing; what is right takes effect, and secrets are not shown.
func TestConfig_ByAPI(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a-secret-of-a-receiver"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newOperated(t, operatedSetup{rest: fmt.Sprintf(
		"events: {webhooks: [{name: crm, url: \"https://127.0.0.1:1/T0/x?k=1\", secret_file: %q}, {name: log, url: \"http://127.0.0.1:1/T0\", secret_file: %[1]q}]}\n", secret)})
	reload := func() answered { return w.ask("root", http.MethodPost, "reload", "") }
	loaded := get[admin.ConfigView](w, "noc", "config")
	if loaded.Changed || len(loaded.Problems) != 0 || loaded.File != w.file || loaded.Revision == "" || loaded.LoadedAt == "" {
		t.Errorf("%+v", loaded)
	}
	for _, shown := range []string{"T0", "k=1", hashed, secretOf("root"), "a-secret-of-a-receiver"} {
		if strings.Contains(loaded.Effective, shown) {
			t.Errorf("%q is shown:\n%s", shown, loaded.Effective)
		}
	}
	if !strings.Contains(loaded.Effective, filepath.Join(w.dir, auditFile)) {
		t.Errorf("the place of the audit log is not shown:\n%s", loaded.Effective)
	}
	c := w.known("", 1)
	w.write(strings.Replace(strings.Replace(w.text(""), "interval: 100ms", "interval: 100", 1), "acs: north}", "acs: nrth}", 1))
	before := get[admin.ConfigView](w, "noc", "config")
	if !before.Changed || len(before.Problems) != 2 || before.Effective != loaded.Effective || before.Revision != loaded.Revision {
		t.Errorf("%+v", before)
	}
	w.status(http.StatusForbidden, "wall", http.MethodPost, "reload", "")
	w.status(http.StatusForbidden, "noc", http.MethodPost, "reload", "")
	w.status(http.StatusForbidden, "wall", http.MethodGet, "config", "")
	var refused struct {
		Errors []struct{ Name, Detail string }
	}
	got := reload()
	if err := json.Unmarshal([]byte(got.body), &refused); err != nil || got.status != http.StatusUnprocessableEntity || len(refused.Errors) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []string{`:4:`, `:7:`} {
		if d := refused.Errors[i].Detail; !strings.HasPrefix(d, w.file+want) || d != before.Problems[i] {
			t.Errorf("problem %d is %q, and %q in the view", i, d, before.Problems[i])
		}
	}
	want(t, w.live(c), "north")
	w.write(strings.Replace(w.text(""), "drain: {timeout: 2s}", "drain: {timeout: 2s}\njournal: {memory: 64MB}", 1))
	if got := reload(); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "journal.memory") {
		t.Errorf("what needs a restart: %+v", got)
	}
	w.write(strings.Replace(w.text(""), w.south.URL(), strings.Replace(w.south.URL(), "http://", "http://login:upstreampass@", 1), 1))
	if got := reload(); got.status != http.StatusUnprocessableEntity || strings.Contains(got.body, "upstreampass") || !strings.Contains(got.body, "login:***@") {
		t.Errorf("a password in a URL: %+v", got)
	}
	w.write(strings.Replace(w.text(""), "{name: default, acs: north}", "{name: default, acs: south}", 1))
	if got := get[admin.ConfigView](w, "noc", "config"); !got.Changed || len(got.Problems) != 1 || !strings.Contains(got.Problems[0], "the last reload") {
		t.Errorf("%+v", got)
	}
	if got := reload(); got.status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	after := get[admin.ConfigView](w, "noc", "config")
	if after.Changed || len(after.Problems) != 0 || after.Revision == loaded.Revision {
		t.Errorf("%+v", after)
	}
	want(t, w.live(c), "south")
	w.write(w.text("") + "# a word of the operator\n")
	if got := get[admin.ConfigView](w, "noc", "config"); !got.Changed || len(got.Problems) != 0 {
		t.Errorf("%+v", got)
	}
}
