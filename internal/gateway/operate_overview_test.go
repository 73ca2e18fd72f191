package gateway

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/journal"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// problem waits until the overview lists a problem, and returns it.
func (w *operated) problem(severity, subject, text string) (found admin.Problem) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%s of %q is listed", severity, subject), func() bool {
		return slices.ContainsFunc(get[admin.Overview](w, "wall", "overview").Problems, func(p admin.Problem) bool {
			found = p
			return p.Severity == severity && p.Subject == subject && strings.Contains(p.Text, text)
		})
	})
	return found
}

// calm waits until the overview lists no problem.
func (w *operated) calm() {
	w.t.Helper()
	var left []admin.Problem
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if left = get[admin.Overview](w, "wall", "overview").Problems; len(left) == 0 {
			return
		}
	}
	w.t.Fatalf("problems stay: %+v", left)
}

// TestOverview_Problems: what an operator has to look at is listed, and goes away
// with its cause.
func TestOverview_Problems(t *testing.T) {
	t.Parallel()
	ca := tlstest.Must(tlstest.NewCA("servers"))
	dir := t.TempDir()
	certificate := func(begun, left time.Duration) {
		t.Helper()
		leaf, err := ca.Issue(tlstest.Spec{Names: []string{"cpe.isp.example"}, NotBefore: time.Now().Add(-begun), NotAfter: time.Now().Add(left)})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := leaf.WriteFiles(dir, "cpe"); err != nil {
			t.Fatal(err)
		}
	}
	certificate(time.Hour, 400*24*time.Hour)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%q, %v", files, err)
	}
	slices.Sort(files)
	cert, key := files[0], files[1]
	w := newOperated(t, operatedSetup{
		acs: ", backup: south", rest: fmt.Sprintf("tls: {certificates: [{cert_file: %q, key_file: %q}]}\n", cert, key),
	})
	reload := func() answered { return w.ask("root", http.MethodPost, "reload", "") }
	w.calm()

	t.Log("an ACS")
	w.north.SetDown(true)
	if p := w.problem("error", "acs north", "is down: "); p.Since == "" {
		t.Errorf("%+v", p)
	}
	w.south.SetDown(true)
	w.problem("error", "gateway", "every ACS is down")
	w.south.SetDown(false)
	w.north.SetDown(false)
	w.calm()

	t.Log("a campaign")
	stubborn := w.known("invalid-value", 1)
	d := drainTo("rewrite")
	d.Criteria.MinSample = 1
	w.begin(d)
	w.member("d", stubborn, "asked")
	want(t, w.live(stubborn), "north")
	w.campaign("d", "halted")
	w.problem("error", "campaign d", "has halted: ")
	w.act("d", "cancel")
	w.calm()

	t.Log("a certificate")
	certificates := w.reads("wall", admin.EventQuery{Kinds: []journal.Kind{journal.KindCertificate}})
	certificate(300*24*time.Hour, 5*24*time.Hour)
	reload()
	w.problem("warning", "certificate cpe.isp.example", "expires on ")
	certificate(300*24*time.Hour, -time.Hour)
	reload()
	w.problem("error", "certificate cpe.isp.example", "expired")
	certificate(time.Hour, 400*24*time.Hour)
	reload()
	w.calm()
	for _, state := range []string{"expires", "expired", "valid"} {
		certificates.has(journal.KindCertificate, `"change":"`+state+`"`)
	}

	t.Log("a reload")
	w.write(strings.Replace(strings.Replace(w.text(""), "acs: north}", "acs: nrth}", 1), "timeout: 2s", "timeout: 2", 1))
	if got := reload(); got.status != http.StatusUnprocessableEntity {
		t.Errorf("%+v", got)
	}
	if p := w.problem("warning", "configuration", "was not reloaded: "+w.file+":"); strings.Contains(p.Text, "\n") || !strings.HasSuffix(p.Text, "(and 1 more)") {
		t.Errorf("%+v", p)
	}
	w.write(w.text(""))
	reload()
	w.calm()
}

// TestOverview_ManualReturn: sessions that stay away until an operator says so are
// no error, but stand there until then, with what to say.
func TestOverview_ManualReturn(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{acs: ", backup: south, failover: {return: manual}"})
	c := w.known("", 1)
	advice := func() string {
		return strings.Join(get[admin.Timeline](w, "wall", "devices/"+c.Device().String()+"/timeline").Advice, " ")
	}
	w.north.SetDown(true)
	w.problem("error", "acs north", "is down: ")
	if got := advice(); !strings.Contains(got, "ACS north is down") || !strings.Contains(got, "Its sessions go to south meanwhile.") {
		t.Errorf("advice %q", got)
	}
	want(t, w.live(c), "south")
	w.north.SetDown(false)
	if p := w.problem("warning", "acs north", "sessions are still on south"); !strings.HasSuffix(p.Text, "until you say: acsgate return north") {
		t.Errorf("%+v", p)
	}
	if got := advice(); !strings.Contains(got, "Its sessions go to south, not to north") {
		t.Errorf("advice %q", got)
	}
	w.status(http.StatusForbidden, "noc", http.MethodPost, "acs/north/return", "")
	w.status(http.StatusNotFound, "root", http.MethodPost, "acs/nowhere/return", "")
	w.status(http.StatusOK, "root", http.MethodPost, "acs/north/return", "")
	w.calm()
	want(t, w.live(c), "north")
	w.status(http.StatusConflict, "root", http.MethodPost, "acs/north/return", "")
}

// TestAdmin_HTTPS: the listener speaks HTTPS, and a client certificate stands in for
// a token, from the first byte of the configuration to the last of the answer.
func TestAdmin_HTTPS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servers, clients := tlstest.Must(tlstest.NewCA("servers")), tlstest.Must(tlstest.NewCA("clients"))
	pem := func(ca *tlstest.CA, name string) string {
		t.Helper()
		path, err := ca.WriteFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	files := func(ca *tlstest.CA, name string, s tlstest.Spec) (cert, key string) {
		t.Helper()
		leaf, err := ca.Issue(s)
		if err == nil {
			cert, key, err = leaf.WriteFiles(dir, name)
		}
		if err != nil {
			t.Fatal(err)
		}
		return cert, key
	}
	roots, vouchers := pem(servers, "servers.pem"), pem(clients, "clients.pem")
	cert, key := files(servers, "admin", tlstest.Spec{Names: []string{"localhost"}})
	w := newOperated(t, operatedSetup{
		admin: fmt.Sprintf("  tls: {cert_file: %q, key_file: %q, client_ca_file: %q}\n", cert, key, vouchers),
		robot: "robot",
	})
	c := w.known("", 1)
	address := strings.Replace(w.AdminAddr(), "127.0.0.1", "localhost", 1)
	good := admin.Client{Address: "https://" + address, CAFile: roots, TokenFile: filepath.Join(w.dir, "wall.token")}
	if page, err := good.Devices(t.Context(), admin.DeviceQuery{}); err != nil || len(page.Devices) != 1 || page.Devices[0].Device != c.Device().String() {
		t.Errorf("%+v, %v", page, err)
	}
	mutual := admin.Client{Address: address, CAFile: roots}
	mutual.CertFile, mutual.KeyFile = files(clients, "robot", tlstest.Spec{CommonName: "robot", Client: true})
	mutual.TokenFile = ""
	if who, err := mutual.Whoami(t.Context()); err != nil || who.Name != "robot" || who.Role != "operator" {
		t.Errorf("%+v, %v", who, err)
	}
	if _, err := mutual.Wake(t.Context(), c.Device()); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*admin.Client){
		"without the CA":         func(c *admin.Client) { c.CAFile = "" },
		"in plain HTTP":          func(c *admin.Client) { c.Address, c.CAFile = address, "" },
		"without any proof":      func(c *admin.Client) { c.TokenFile = filepath.Join(dir, "empty") },
		"by a stranger's client": func(c *admin.Client) { c.TokenFile, c.CertFile, c.KeyFile = "", cert, key },
	} {
		bad := good
		change(&bad)
		if err := os.WriteFile(filepath.Join(dir, "empty"), []byte("a-token-that-nobody-has"), 0o600); err != nil {
			t.Fatal(err)
		}
		if who, err := bad.Whoami(t.Context()); err == nil {
			t.Errorf("%s: %+v", what, who)
		}
	}
}
