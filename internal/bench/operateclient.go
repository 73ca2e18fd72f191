package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// operator asks the admin listener: a program with a token, or a browser that is
// signed in.
type operator struct {
	client *http.Client
	base   string
	token  string // "" for a browser
}

func newOperator(address, token string) *operator {
	return &operator{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, CheckRedirect: stay}, "http://" + address, token}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (o *operator) leave() { o.client.CloseIdleConnections() }

// get returns the whole of a page that is there.
func (o *operator) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.base+path, nil)
	if err != nil {
		return nil, err
	}
	if o.token != "" {
		request.Header.Set("Authorization", "Bearer "+o.token)
	}
	return o.do(request, http.StatusOK)
}

func (o *operator) do(request *http.Request, status int) ([]byte, error) {
	response, err := o.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != status {
		err = fmt.Errorf("%s %s: %s: %s", request.Method, request.URL.RequestURI(), response.Status, firstLine(text))
	}
	return text, err
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// signIn returns a browser that has shown a token on the page for that.
func signIn(ctx context.Context, address, token string) (*operator, error) {
	o := newOperator(address, "")
	var err error
	if o.client.Jar, err = cookiejar.New(nil); err != nil {
		return nil, err
	}
	form, err := o.get(ctx, "/login")
	if err != nil {
		return nil, err
	}
	field := csrfField.FindSubmatch(form)
	if field == nil {
		return nil, errors.New("the page for signing in has no CSRF token")
	}
	sent := url.Values{"csrf": {html.UnescapeString(string(field[1]))}, "token": {token}, "next": {"/"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.base+"/login", strings.NewReader(sent.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err = o.do(request, http.StatusSeeOther)
	return o, err
}
