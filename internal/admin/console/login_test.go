package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
)

func TestLogin_LeadsBack(t *testing.T) {
	b := newWorld(t).browser()
	got := b.do("GET", "/devices?q=a%26b", nil)
	if at := got.Header().Get("Location"); got.Code != http.StatusSeeOther || at != "/login?next="+url.QueryEscape("/devices?q=a%26b") {
		t.Fatalf("without a session: %d %q", got.Code, at)
	}
	form := b.do("GET", got.Header().Get("Location"), nil).Body.String()
	got = b.do("POST", "/login", url.Values{"csrf": {field(form, "csrf")}, "next": {field(form, "next")}, "token": {" " + viewerToken + "\n"}})
	if at := got.Header().Get("Location"); got.Code != http.StatusSeeOther || at != "/devices?q=a%26b" {
		t.Fatalf("login: %d %q", got.Code, at)
	}
	mustSay(t, "devices", b.get("/devices", 200), "watch", "viewer")
}

func TestLogin_WrongToken(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	got := b.signIn("not-one-of-the-tokens-at-all")
	if got.Code != http.StatusUnauthorized || b.cookies[cookieSession] != nil {
		t.Errorf("%d, cookies %v", got.Code, b.cookies)
	}
	mustSay(t, "login", got.Body.String(), "none of the tokens")
	if strings.Contains(got.Body.String(), "not-one-of-the-tokens") {
		t.Error("the token is shown")
	}
	if w.console.sessions.count() != 0 {
		t.Error("there is a session")
	}
}

func TestLogin_TooManyWrongTokens(t *testing.T) {
	w := newWorld(t)
	for range 50 {
		if got := w.browser().signIn("not-one-of-the-tokens-at-all"); got.Code == http.StatusTooManyRequests {
			if got.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			mustSay(t, "login", got.Body.String(), "Too many wrong tokens")
			return
		}
	}
	t.Error("50 wrong tokens were looked at")
}

func TestLogin_NeedsItsForm(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	form := field(b.do("GET", "/login", nil).Body.String(), "csrf")
	for name, send := range map[string]func() int{
		"no token of the form": func() int { return b.do("POST", "/login", url.Values{"token": {adminToken}}).Code },
		"another token": func() int {
			return b.do("POST", "/login", url.Values{"csrf": {form + "x"}, "token": {adminToken}}).Code
		},
		"no cookie": func() int {
			return w.browser().do("POST", "/login", url.Values{"csrf": {form}, "token": {adminToken}}).Code
		},
		"another site": func() int {
			return b.do("POST", "/login", url.Values{"csrf": {form}, "token": {adminToken}}, "Origin", "http://evil.example").Code
		},
		"another site, as the browser says": func() int {
			return b.do("POST", "/login", url.Values{"csrf": {form}, "token": {adminToken}}, "Sec-Fetch-Site", "cross-site").Code
		},
	} {
		if code := send(); code != http.StatusForbidden {
			t.Errorf("%s: %d", name, code)
		}
	}
	if w.console.sessions.count() != 0 {
		t.Error("there is a session")
	}
}

func TestLogin_NobodyMay(t *testing.T) {
	w := newWorld(t)
	auth, err := admin.NewAuthenticator(&admin.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.console.auth = auth
	mustSay(t, "login", w.browser().get("/login", 200), "No token is configured")
}

func TestCookie_Flags(t *testing.T) {
	b := newWorld(t).as(viewerToken)
	c := b.cookies[cookieSession]
	if c == nil || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 12*3600 {
		t.Errorf("over HTTP: %+v", c)
	}
	b = newWorld(t).browser()
	b.tls = true
	b.signIn(viewerToken)
	c = b.cookies["__Host-"+cookieSession]
	if c == nil || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("over TLS: %+v, of %v", c, b.cookies)
	}
	if len(c.Value) < 40 {
		t.Errorf("the secret %q is short", c.Value)
	}
	b.get("/devices", 200)
}

func TestLogin_GivesAnotherSession(t *testing.T) {
	w := newWorld(t)
	b := w.as(viewerToken)
	first := b.cookies[cookieSession].Value
	b.signIn(viewerToken)
	if b.cookies[cookieSession].Value == first {
		t.Error("the secret is the same")
	}
	b.cookies[cookieSession].Value = first
	b.get("/devices", 303)
	if n := w.console.sessions.count(); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestLogout(t *testing.T) {
	w := newWorld(t)
	b := w.as(viewerToken)
	old := *b.cookies[cookieSession]
	if got := b.post("/logout", nil); got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/login" {
		t.Errorf("%d", got.Code)
	}
	if b.cookies[cookieSession] != nil {
		t.Error("the cookie is still there")
	}
	b.cookies[cookieSession] = &old
	b.get("/devices", 303)
}

func TestSession_Ends(t *testing.T) {
	w := newWorld(t)
	idle := w.as(viewerToken)
	w.clock = w.clock.Add(59 * time.Minute)
	idle.get("/devices", 200)
	w.clock = w.clock.Add(time.Hour)
	idle.get("/devices", 303)

	used := w.as(viewerToken)
	for range 12 * 2 {
		used.get("/devices", 200)
		w.clock = w.clock.Add(30 * time.Minute)
	}
	used.get("/devices", 303)
}

// Who has no token any more is nobody, and a role that was taken away is gone.
func TestSession_FollowsTheTokens(t *testing.T) {
	w := newWorld(t)
	removed, demoted := w.as(operatorToken), w.as(adminToken)
	config := tokens()
	config.Tokens[2].Role = admin.RoleViewer
	config.Tokens = append(config.Tokens[:1], config.Tokens[2:]...)
	auth, err := admin.NewAuthenticator(&config)
	if err != nil {
		t.Fatal(err)
	}
	w.console.auth = auth
	removed.get("/devices", 303)
	demoted.get("/devices", 200)
	demoted.get("/audit", 403)
	if got := demoted.post("/configuration/reload", nil); got.Code != 403 {
		t.Errorf("reload: %d", got.Code)
	}
}

func TestSessions_AreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	s := newSessions(func() time.Time { return now })
	first, _ := s.open("noc", "a token")
	other, _ := s.open("root", "another token")
	for range maxOfToken {
		s.open("noc", "a token")
	}
	if _, _, ok := s.find(first); ok {
		t.Error("one token has more sessions than it may")
	}
	if _, token, ok := s.find(other); !ok || token != "another token" {
		t.Error("one token's sessions end another's")
	}
	for i := range maxSessions * 2 {
		s.open(strings.Repeat("x", i%50), "t")
	}
	if n := s.count(); n > maxSessions {
		t.Errorf("%d sessions", n)
	}
	for _, secret := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 1<<16)} {
		if _, _, ok := s.find(secret); ok {
			t.Errorf("secret %q is known", secret[:min(10, len(secret))])
		}
	}
	for _, x := range s.by {
		if strings.Contains(string(x.token), "token") {
			t.Fatal("a token lies in memory as it is")
		}
	}
}

func TestWithoutSession_PartsAreToldToLogin(t *testing.T) {
	b := newWorld(t).browser()
	got := b.do("GET", "/", nil, "HX-Request", "true", "HX-Current-URL", "http://console.example/devices?q=x")
	if got.Code != 401 || got.Header().Get("HX-Redirect") != "/login?next=%2Fdevices%3Fq%3Dx" {
		t.Errorf("htmx: %d %q", got.Code, got.Header().Get("HX-Redirect"))
	}
	if got := b.do("GET", "/series", nil, "Accept", "application/json"); got.Code != 401 {
		t.Errorf("series: %d", got.Code)
	}
	if got := b.do("GET", "/events/stream", nil, "Accept", "text/event-stream"); got.Code != 401 {
		t.Errorf("stream: %d", got.Code)
	}
	if got := b.do("POST", "/configuration/reload", url.Values{}); got.Code != 303 {
		t.Errorf("write: %d", got.Code)
	}
	got = b.do("GET", "/", nil, "HX-Request", "true", "HX-Current-URL", "https://evil.example//evil.example/x")
	if at := got.Header().Get("HX-Redirect"); at != "/login" {
		t.Errorf("another site: %q", at)
	}
}

var paths = map[string]string{
	"/devices": "/devices", "/devices?q=%22": "/devices?q=%22", "": "/", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example/": "/",
	"javascript:alert(1)": "/", "devices": "/", "/login": "/", "/logout": "/", "/a\r\nb": "/", "/\t/evil.example": "/", "/%2F/evil": "/%2F/evil",
}

func TestLocalPath(t *testing.T) {
	for in, want := range paths {
		if got := localPath(in); got != want {
			t.Errorf("localPath(%q) is %q, want %q", in, got, want)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for in := range paths {
		f.Add(in)
	}
	home, err := url.Parse("http://console.example/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := localPath(in)
		at, err := home.Parse(got)
		if err != nil || at.Host != home.Host || at.Scheme != "http" || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n") {
			t.Errorf("localPath(%q) is %q, which leads to %v (%v)", in, got, at, err)
		}
	})
}
