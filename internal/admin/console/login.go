package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
)

const pathLogin = "/login"

// loginForms makes the CSRF tokens of the page for signing in, where there is no
// session yet: they are bound to a cookie.
type loginForms struct{ key []byte }

func newLoginForms() *loginForms {
	f := &loginForms{key: make([]byte, 32)}
	_, _ = rand.Read(f.key) // it never fails
	return f
}

func (f *loginForms) token(nonce string) string {
	mac := hmac.New(sha256.New, f.key)
	_, _ = mac.Write([]byte(nonce))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Names of cookies. Browsers take one with __Host- over TLS from this host alone
// (RFC 6265bis 4.1.3.2).
const (
	cookieSession = "acsgate-session"
	cookieLogin   = "acsgate-login"
	cookieTheme   = "acsgate-theme" // light or dark, written by the page
)

func hostName(r *http.Request, name string) string {
	if secure(r) {
		return "__Host-" + name
	}
	return name
}

func cookieName(r *http.Request) string { return hostName(r, cookieSession) }

func setCookie(w http.ResponseWriter, r *http.Request, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: hostName(r, name), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteStrictMode,
	})
}

func clearCookie(w http.ResponseWriter, r *http.Request) { setCookie(w, r, cookieSession, "", -1) }

// loginPage is what the page for signing in shows.
type loginPage struct {
	Theme, CSRF, Next, Error string
	Nobody                   bool   // no token is configured
	Certificate              string // name of the token that a client certificate proves
}

// showLogin shows the form.
func (c *Console) showLogin(w http.ResponseWriter, r *http.Request) {
	c.loginForm(w, r, http.StatusOK, loginPage{Next: localPath(r.URL.Query().Get("next"))})
}

func (c *Console) loginForm(w http.ResponseWriter, r *http.Request, status int, p loginPage) {
	nonce := ""
	if cookie, err := r.Cookie(hostName(r, cookieLogin)); err == nil {
		nonce = cookie.Value
	}
	if len(nonce) < 16 {
		nonce = randomText()
		setCookie(w, r, cookieLogin, nonce, 0)
	}
	who, ok := c.certified(r)
	if ok {
		p.Certificate = who.Name
	}
	p.Theme, p.CSRF, p.Nobody = theme(r), c.logins.token(nonce), c.auth.Empty()
	c.render(w, status, "login", "alone", p)
}

// login opens a session for who brings a token, or a client certificate.
func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	next := localPath(r.PostFormValue("next"))
	cookie, err := r.Cookie(hostName(r, cookieLogin))
	if err != nil || c.origin.Check(r) != nil ||
		!hmac.Equal([]byte(r.PostFormValue("csrf")), []byte(c.logins.token(cookie.Value))) {
		c.loginForm(w, r, http.StatusForbidden, loginPage{Next: next, Error: "The form was too old, or cookies are off. Try again."})
		return
	}
	token := strings.TrimSpace(r.PostFormValue("token"))
	var who admin.Identity
	var ok bool
	if r.PostFormValue("certificate") != "" {
		token = ""
		who, ok = c.certified(r)
	} else {
		who, ok, err = c.auth.Login(r, token)
	}
	var tooMany *admin.TooManyError
	switch {
	case errors.As(err, &tooMany):
		w.Header().Set("Retry-After", fmt.Sprint(int(tooMany.After.Seconds()+1)))
		c.loginForm(w, r, http.StatusTooManyRequests, loginPage{Next: next, Error: "Too many wrong tokens came from your address. Wait a little."})
	case !ok:
		c.api.Audit(admin.Identity{}, r, http.StatusUnauthorized, "wrong token")
		c.loginForm(w, r, http.StatusUnauthorized, loginPage{Next: next, Error: "This is none of the tokens of this gateway."})
	default:
		c.welcome(w, r, who, token, next)
	}
}

// welcome opens a session and ends the one that the browser had before.
func (c *Console) welcome(w http.ResponseWriter, r *http.Request, who admin.Identity, token, next string) {
	if cookie, err := r.Cookie(cookieName(r)); err == nil {
		if former, _, ok := c.sessions.find(cookie.Value); ok {
			c.sessions.end(former)
		}
	}
	secret, _ := c.sessions.open(who.Name, token)
	setCookie(w, r, cookieSession, secret, int(maxAge.Seconds()))
	setCookie(w, r, cookieLogin, "", -1)
	c.api.Audit(who, r, http.StatusOK, "signed in")
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (c *Console) logout(v *visit) error {
	c.sessions.end(v.session)
	clearCookie(v.w, v.r)
	c.api.Audit(v.who, v.r, http.StatusOK, "signed out")
	http.Redirect(v.w, v.r, pathLogin, http.StatusSeeOther)
	return nil
}

// loginFor is the page for signing in that leads back.
func loginFor(back string) string {
	if back = localPath(back); back == "/" {
		return pathLogin
	}
	return pathLogin + "?next=" + url.QueryEscape(back)
}

// localPath returns a path with its query if it leads to a page of the console, else
// "/". Browsers take "//host" and "/\host" for another host.
func localPath(text string) string {
	at, err := url.Parse(text)
	if err != nil || at.IsAbs() || at.Host != "" || at.User != nil || !strings.HasPrefix(text, "/") ||
		strings.HasPrefix(text, "//") || strings.ContainsAny(text, "\\\r\n\t") || strings.HasPrefix(at.Path, pathLogin) || at.Path == "/logout" {
		return "/"
	}
	return text
}

// theme returns what the browser's toggle says, "" for what the system says.
func theme(r *http.Request) string {
	if cookie, err := r.Cookie(cookieTheme); err == nil && (cookie.Value == "light" || cookie.Value == "dark") {
		return cookie.Value
	}
	return ""
}
