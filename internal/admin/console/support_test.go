package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Tokens of the tests. The tenant's is limited to one device.
const (
	viewerToken   = "viewer-0123456789abcdef"
	operatorToken = "operator-0123456789abcdef"
	adminToken    = "admin-0123456789abcdef"
	tenantToken   = "tenant-0123456789abcdef"
)

func tokens() admin.Config {
	token := func(name, role, text string) admin.TokenConfig {
		sum := sha256.Sum256([]byte(text))
		return admin.TokenConfig{Name: name, Role: role, TokenSHA256: hex.EncodeToString(sum[:])}
	}
	c := admin.Config{Address: "127.0.0.1:0", Tokens: []admin.TokenConfig{
		token("watch", admin.RoleViewer, viewerToken), token("noc", admin.RoleOperator, operatorToken),
		token("root", admin.RoleAdmin, adminToken), token("acme-isp", admin.RoleAdmin, tenantToken),
	}}
	c.Tokens[3].Tenant = "acme"
	c.Tenants = []admin.TenantConfig{{Name: "acme", ScopeConfig: admin.ScopeConfig{Serial: []string{reachable.SerialNumber}}}}
	return c
}

// world is a console in front of a fake gateway.
type world struct {
	t       testing.TB
	fake    *fake
	journal *journal.Journal
	api     *admin.API
	auth    *admin.Authenticator
	console *Console
	clock   time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	config := tokens()
	auth, err := admin.NewAuthenticator(&config)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, auth: auth, clock: time.Date(2026, 8, 2, 12, 0, 0, 0, time.UTC)}
	w.fake = &fake{now: w.clock}
	w.journal = startJournal(t)
	w.api = w.fake.api(w.journal)
	w.console = New(Deps{API: w.api, Auth: auth, Now: func() time.Time { return w.clock }})
	return w
}

// listen serves the console on the admin listener until ctx is done.
func (w *world) listen(ctx context.Context) (base string, stopped <-chan error) {
	w.t.Helper()
	server, err := admin.New(tokens(), admin.Deps{
		Registry: prometheus.NewRegistry(), Log: zap.NewNop(), API: w.api,
		Console: func(*admin.Authenticator, *admin.API) http.Handler { return w.console },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	return "http://" + server.Addr().String(), done
}

func startJournal(t testing.TB) *journal.Journal {
	t.Helper()
	j, err := journal.New(journal.Config{}, journal.Deps{Metrics: prometheus.NewRegistry(), Now: time.Now, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return j
}

// browser keeps cookies as a browser does, and follows no redirect.
type browser struct {
	*world
	cookies map[string]*http.Cookie
	tls     bool
}

func (w *world) browser() *browser { return &browser{world: w, cookies: map[string]*http.Cookie{}} }

// as returns a browser that is signed in.
func (w *world) as(token string) *browser {
	w.t.Helper()
	b := w.browser()
	if got := b.signIn(token); got.Code != http.StatusSeeOther {
		w.t.Fatalf("login: %d %s", got.Code, got.Body)
	}
	return b
}

func (b *browser) signIn(token string) *httptest.ResponseRecorder {
	form := b.do("GET", "/login", nil)
	return b.do("POST", "/login", url.Values{"csrf": {field(form.Body.String(), "csrf")}, "token": {token}})
}

// do sends a request; header is pairs of name and value.
func (b *browser) do(method, path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	if form == nil {
		return b.send(method, path, nil, header...)
	}
	return b.send(method, path, strings.NewReader(form.Encode()), header...)
}

func (b *browser) send(method, path string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	scheme := "http"
	if b.tls {
		scheme = "https"
	}
	r := httptest.NewRequestWithContext(b.t.Context(), method, scheme+"://console.example"+path, body)
	r.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", scheme+"://console.example")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	out := httptest.NewRecorder()
	b.console.ServeHTTP(out, r)
	answer := out.Result()
	defer answer.Body.Close()
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return out
}

// get returns a page, which must have a status.
func (b *browser) get(path string, status int) string {
	b.t.Helper()
	got := b.do("GET", path, nil)
	if got.Code != status {
		b.t.Fatalf("GET %s: %d, want %d: %s", path, got.Code, status, text(got.Body.String()))
	}
	return got.Body.String()
}

// post sends a form with the CSRF token of a page.
func (b *browser) post(path string, form url.Values, header ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	form.Set("csrf", field(b.do("GET", "/devices", nil).Body.String(), "csrf"))
	return b.do("POST", path, form, header...)
}

// field returns the value of a hidden field.
func field(page, name string) string {
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

var tag = regexp.MustCompile(`<[^>]*>`)

// text returns what a page says to a reader.
func text(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(page, " "))), " ")
}

// mustSay checks what a page says.
func mustSay(t *testing.T, name, page string, wants ...string) {
	t.Helper()
	said := text(page)
	for _, want := range wants {
		if want = strings.Join(strings.Fields(want), " "); !strings.Contains(said, want) {
			t.Errorf("%s does not say %q: %s", name, want, said)
		}
	}
}
