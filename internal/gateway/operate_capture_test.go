package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
)

// TestCapture: a conversation is taken, read as text and as HAR, and has no secret of
// the CPE, of its ACS or of its subscriber in it. It ends by itself.
func TestCapture(t *testing.T) {
	t.Parallel()
	const password, wpa, passphrase = "the-CPE's-own", "wpa-of-a-subscriber", "{root}WiFi.AccessPoint.1.Security.KeyPassphrase"
	w := newOperated(t, operatedSetup{
		northDoes: []simnet.RPC{simnet.SetValue(passphrase, wpa), simnet.GetValues(passphrase, "{root}DeviceInfo.UpTime")},
		northAsks: simnet.ACSAuth{Scheme: "digest", QOP: "auth", Password: simnet.OneUser("cpe-1", password)},
	})
	c := w.number("easycwmp", 1, func(cfg *simnet.CPEConfig) {
		cfg.Username, cfg.Password = "cpe-1", password
		whole, err := simnet.NewCPE(*cfg)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.Replace(passphrase, "{root}", cfg.Make.Root, 1)
		cfg.Parameters = append(whole.Tree().Under(""), simnet.Parameter{Name: name, Value: "before", Writable: true})
	})
	want(t, w.live(c), "north")
	w.eventually("the device is known", func() bool { _, ok := w.devices.Handle(c.Device()); return ok })

	started := w.ask("noc", http.MethodPost, "devices/"+c.Device().String()+"/captures", `{"duration":"3s"}`)
	var v admin.CaptureView
	if err := json.Unmarshal([]byte(started.body), &v); err != nil || started.status != http.StatusCreated || started.header.Get("Location") != admin.PathAPI+"captures/"+v.ID || !v.Running || v.By != "noc" {
		t.Fatalf("%+v, %v", started, err)
	}
	if _, err := w.number("easycwmp", 2, func(cfg *simnet.CPEConfig) { cfg.Username, cfg.Password = "cpe-1", password }).Session(t.Context(), cwmp.EventPeriodic); err != nil {
		t.Fatal(err)
	}
	want(t, w.live(c), "north")
	operator := w.as("noc")
	w.eventually("messages are there", func() bool {
		v, err := operator.Capture(t.Context(), v.ID)
		return err == nil && v.Messages > 8
	})
	w.status(http.StatusForbidden, "wall", http.MethodGet, "captures/"+v.ID+"/text", "")
	for _, format := range []string{"text", "har"} {
		var b bytes.Buffer
		if err := operator.DownloadCapture(t.Context(), v.ID, format, &b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		for _, part := range []string{"KeyPassphrase", "DeviceInfo.UpTime", "GetParameterValuesResponse", c.Device().SerialNumber, "Digest", "cpe-1", "[masked]"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q:\n%s", format, part, text)
			}
		}
		for _, secret := range []string{password, wpa, requestPassword, "EASY000002"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q:\n%s", format, secret, text)
			}
		}
		if answer := regexp.MustCompile(`\bresponse=\\?"?[0-9a-f]{32}`).FindString(text); answer != "" {
			t.Errorf("%s has the answer to a challenge: %s", format, answer)
		}
		if format == "har" {
			harOf(t, b.Bytes())
		}
	}
	w.eventually("it has ended", func() bool {
		v, err := operator.Capture(t.Context(), v.ID)
		return err == nil && !v.Running
	})
	before, _ := operator.Capture(t.Context(), v.ID)
	want(t, w.live(c), "north")
	if after, err := operator.Capture(t.Context(), v.ID); err != nil || after.Messages != before.Messages {
		t.Errorf("after its end %+v, %v, then %+v", before, err, after)
	}
	for _, r := range w.audit("root") {
		if strings.Contains(r.Detail, password) || strings.Contains(r.Path, password) {
			t.Errorf("the audit log has %+v", r)
		}
	}
}

// harOf holds that a document is HAR 1.2 with what HTTP was spoken.
func harOf(t *testing.T, text []byte) {
	t.Helper()
	var har struct {
		Log struct {
			Version string
			Entries []struct {
				StartedDateTime time.Time
				Request         struct{ Method, URL string }
				Response        struct{ Status int }
			}
		}
	}
	if err := json.Unmarshal(text, &har); err != nil || har.Log.Version != "1.2" || len(har.Log.Entries) < 5 {
		t.Fatalf("%+v, %v", har, err)
	}
	challenged := false
	for _, e := range har.Log.Entries {
		challenged = challenged || e.Response.Status == http.StatusUnauthorized
		if e.Request.Method != http.MethodPost || e.Request.URL == "" || e.StartedDateTime.IsZero() {
			t.Errorf("%+v", e)
		}
	}
	if !challenged {
		t.Error("no entry is a 401")
	}
}

// audit returns the records of the audit log, the newest first.
func (w *operated) audit(name string) []admin.AuditRecord {
	w.t.Helper()
	c := w.as(name)
	records, err := c.Audit(w.t.Context(), 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	return records
}
