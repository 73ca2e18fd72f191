package console

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
)

// visit is one request of somebody who is signed in.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	session *session
	who     admin.Identity
	audited bool
}

// maxForm bounds the body of a request, in bytes.
const maxForm = 64 << 10

// headerCSRF carries the token of requests that htmx makes.
const headerCSRF = "X-CSRF-Token"

// read registers a page that every role may see.
func (c *Console) read(pattern string, show func(*visit) error) {
	c.mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
		if v, ok := c.enter(w, r); ok {
			c.finish(v, show(v))
		}
	})
}

// write registers what changes something and needs a role.
func (c *Console) write(pattern, role string, act func(*visit) error) {
	c.writeLarge(pattern, role, maxForm, act)
}

// writeLarge is write with another bound of the body, for those who have the role.
// Beyond maxForm it may bring files.
func (c *Console) writeLarge(pattern, role string, most int64, act func(*visit) error) {
	c.mux.HandleFunc("POST "+pattern, func(w http.ResponseWriter, r *http.Request) {
		v, ok := c.enter(w, r)
		if !ok {
			return
		}
		err := c.allow(v, role, most)
		if err == nil {
			err = act(v)
		}
		if err != nil && !v.audited {
			c.api.Audit(v.who, r, statusOf(err), err.Error())
		}
		c.finish(v, err)
	})
}

// enter finds out who sends a request. It has answered where nobody is signed in, and
// where a token sends too many.
func (c *Console) enter(w http.ResponseWriter, r *http.Request) (*visit, bool) {
	cookie, err := r.Cookie(cookieName(r))
	if err == nil {
		if s, token, ok := c.sessions.find(cookie.Value); ok {
			if who, known := c.identify(r, s, token); known {
				v := &visit{w: w, r: r, session: s, who: who}
				err := c.api.Admit(who)
				c.finish(v, err)
				return v, err == nil
			}
			c.sessions.end(s) // the token was removed meanwhile
		}
		clearCookie(w, r)
	}
	c.sendToLogin(w, r)
	return nil, false
}

// identify returns who a session belongs to now: roles and scopes change, and
// tokens are removed.
func (c *Console) identify(r *http.Request, s *session, token string) (admin.Identity, bool) {
	who, ok := c.certified(r)
	if s.token != nil {
		who, ok = c.auth.Token(token)
	}
	return who, ok && who.Name == s.name
}

// certified returns whose client certificate a request brings.
func (c *Console) certified(r *http.Request) (admin.Identity, bool) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return admin.Identity{}, false
	}
	return c.auth.Certificate(r.TLS.VerifiedChains[0][0])
}

// sendToLogin answers somebody who is not signed in.
func (c *Console) sendToLogin(w http.ResponseWriter, r *http.Request) {
	back := r.URL.RequestURI()
	accept := r.Header.Get("Accept")
	switch {
	case r.Header.Get("HX-Request") != "":
		if at, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil {
			back = at.RequestURI()
		}
		w.Header().Set("HX-Redirect", loginFor(back))
		http.Error(w, "sign in", http.StatusUnauthorized)
	case strings.HasPrefix(accept, "application/json") || strings.HasPrefix(accept, "text/event-stream"):
		http.Error(w, "sign in", http.StatusUnauthorized)
	case r.Method == http.MethodGet:
		http.Redirect(w, r, loginFor(back), http.StatusSeeOther)
	default:
		http.Redirect(w, r, pathLogin, http.StatusSeeOther)
	}
}

// allow checks that a request that changes something comes from a page of the
// console, and from somebody who may.
func (c *Console) allow(v *visit, role string, most int64) error {
	if !v.who.May(role) || !v.who.Scope.Whole() { // who has a scope may nothing that is large
		most = maxForm
	}
	if err := v.readForm(most); err != nil {
		return err
	}
	if err := c.origin.Check(v.r); err != nil {
		return fail(http.StatusForbidden, "The request came from a page of another site.")
	}
	token := v.r.Header.Get(headerCSRF)
	if token == "" {
		token = v.r.PostForm.Get("csrf")
	}
	if subtle.ConstantTimeCompare([]byte(token), []byte(v.session.csrf)) != 1 {
		return fail(http.StatusForbidden, "The page is older than your session. Load it again, and repeat what you did.")
	}
	if err := v.needs(role); err != nil {
		return c.result(v, err, "lacks the role "+role)
	}
	return nil
}

// uploadTime is what a form with a file may take to come.
const uploadTime = time.Minute

// readForm reads a form of at most so many bytes into memory.
func (v *visit) readForm(most int64) error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, most)
	if most > maxForm {
		_ = http.NewResponseController(v.w).SetReadDeadline(time.Now().Add(uploadTime))
	}
	err := v.r.ParseForm()
	if kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type")); err == nil && most > maxForm && kind == "multipart/form-data" {
		err = v.r.ParseMultipartForm(most)
	}
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return fail(http.StatusRequestEntityTooLarge, "The form has more than %s.", bytesText(int(long.Limit)))
	case err != nil:
		return fail(http.StatusBadRequest, "The form cannot be read: %v.", err)
	}
	return nil
}

// needs refuses those who lack a role.
func (v *visit) needs(role string) error {
	if v.who.May(role) {
		return nil
	}
	return fail(http.StatusForbidden, "Token %q has the role %s. This needs the role %s.", v.who.Name, v.who.Role, role)
}

// failure is an error with the status of its answer. Its text is for operators.
type failure struct {
	status int
	text   string
}

func (f *failure) Error() string { return f.text }

func fail(status int, format string, args ...any) error {
	return &failure{status, fmt.Sprintf(format, args...)}
}

// statusOf returns the status that tells of an error.
func statusOf(err error) int {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f.status
	case errors.Is(err, admin.ErrUnknownDevice), errors.Is(err, admin.ErrUnknownCampaign):
		return http.StatusNotFound
	case errors.Is(err, admin.ErrRefused), errors.Is(err, admin.ErrConflict):
		return http.StatusConflict
	case errors.Is(err, admin.ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, admin.ErrBusy):
		return http.StatusServiceUnavailable
	}
	status, _ := admin.StatusOf(err)
	return status
}

// finish answers with an error, if there is one.
func (c *Console) finish(v *visit, err error) {
	if err == nil {
		return
	}
	status := statusOf(err)
	if _, after := admin.StatusOf(err); after > 0 {
		v.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
	if v.partial() {
		c.fragment(v, status, "error", "failure", err.Error())
		return
	}
	c.page(v, status, "error", page{Title: http.StatusText(status), Body: err.Error()})
}

// absent is the error of what this gateway has not.
func absent(what string) error {
	return fail(http.StatusNotFound, "This gateway does not offer %s.", what)
}

// partial tells whether htmx wants a part of a page.
func (v *visit) partial() bool { return v.r.Header.Get("HX-Request") != "" }

// whole is for what is about the whole gateway: it refuses those who may see a part
// of it.
func whole(next func(*visit) error) func(*visit) error {
	return func(v *visit) error {
		if v.who.Scope.Whole() {
			return next(v)
		}
		return fail(http.StatusForbidden, "Token %q is limited to some devices. This page is about the whole gateway, so it is not shown.", v.who.Name)
	}
}

// target returns the device that a path names, if the identity may see it.
func (c *Console) target(v *visit) (cwmp.DeviceID, error) {
	rest := strings.TrimPrefix(v.r.URL.EscapedPath(), "/devices/")
	text, _, _ := strings.Cut(rest, "/")
	id, err := cwmp.ParseDeviceID(text)
	if err != nil {
		return id, fail(http.StatusBadRequest, "There can be no such device: %v.", err)
	}
	if !c.api.Sees(v.who, id) {
		return id, fail(http.StatusNotFound, "No session of device %s was seen yet.", id)
	}
	return id, nil
}

// done tells what was done on the page that the browser goes to next.
func (c *Console) done(v *visit, tone, text, to string) error {
	c.sessions.note(v.session, notice{tone, text})
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// result audits what was tried and returns err.
func (c *Console) result(v *visit, err error, detail string) error {
	status := http.StatusOK
	if err != nil {
		status = statusOf(err)
	}
	v.audited = true
	c.api.Audit(v.who, v.r, status, detail)
	return err
}
