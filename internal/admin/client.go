package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Client speaks to the API of a running gateway.
type Client struct {
	// Address of the admin listener, as it is configured; https:// before it makes it
	// speak HTTPS, as the files below do.
	Address string
	// TokenFile holds the token; empty means that of the environment variable
	// ACSGATE_TOKEN.
	TokenFile string
	// CAFile holds the certificates that the gateway's must be issued by; empty for
	// those that the system trusts.
	CAFile string
	// CertFile and KeyFile are the client's own certificate, which can stand in for a
	// token.
	CertFile, KeyFile string
}

// TokenVariable is the environment variable with the token of client commands.
const TokenVariable = "ACSGATE_TOKEN"

// Device asks what is known of a device.
func (c *Client) Device(ctx context.Context, id cwmp.DeviceID) (view DeviceView, err error) {
	err = c.call(ctx, http.MethodGet, "devices/"+id.String(), nil, single(&view))
	return view, err
}

// Wake sends a device a Connection Request and waits for its result.
func (c *Client) Wake(ctx context.Context, id cwmp.DeviceID) (result WakeResult, err error) {
	err = c.call(ctx, http.MethodPost, "devices/"+id.String()+"/connection-request", nil, single(&result))
	return result, err
}

// WakeMany sends many devices a Connection Request and calls progress now and
// then. It ends when the last one has its result.
func (c *Client) WakeMany(ctx context.Context, s Selection, progress func(Progress)) (last Progress, err error) {
	for _, id := range s.Devices {
		s.Names = append(s.Names, id.String())
	}
	err = c.call(ctx, http.MethodPost, "connection-requests", s, func(body io.Reader) error {
		for lines := json.NewDecoder(body); !last.Done; progress(last) {
			last = Progress{}
			if err := lines.Decode(&last); err != nil {
				return fmt.Errorf("the gateway broke off: %w", err)
			}
		}
		if last.Error != "" {
			return errors.New(last.Error)
		}
		return nil
	})
	return last, err
}

// maxDocument bounds what is read of one answer, in bytes.
const maxDocument = 64 << 20

func single(v any) func(io.Reader) error {
	return func(body io.Reader) error { return json.NewDecoder(io.LimitReader(body, maxDocument)).Decode(v) }
}

// get asks for a document.
func (c *Client) get(ctx context.Context, path string, q url.Values, into any) error {
	if text := q.Encode(); text != "" {
		path += "?" + text
	}
	return c.call(ctx, http.MethodGet, path, nil, single(into))
}

// call sends one request and hands a successful answer to read.
func (c *Client) call(ctx context.Context, method, path string, body any, read func(io.Reader) error) error {
	return c.send(ctx, method, path, nil, body, func(r *http.Response) error { return read(r.Body) })
}

// send is call with headers of its own, for those who look at the whole answer.
func (c *Client) send(ctx context.Context, method, path string, header http.Header, body any, read func(*http.Response) error) error {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(text)
	}
	base, transport, err := c.transport()
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, base+PathAPI+path, payload)
	if err != nil {
		return fmt.Errorf("admin address %q: %w", c.Address, err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if err := c.authorize(request); err != nil {
		return err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("admin listener %s: %w", c.Address, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return refused(response)
	}
	return read(response)
}

// transport returns where to send requests, and a transport of its own: no proxy
// from the environment, nothing kept open.
func (c *Client) transport() (base string, t *http.Transport, err error) {
	t = &http.Transport{DisableKeepAlives: true}
	address, https := strings.CutPrefix(c.Address, "https://")
	address = strings.TrimSuffix(strings.TrimPrefix(address, "http://"), "/")
	if !https && c.CAFile == "" && c.CertFile == "" {
		return "http://" + dialAddress(address), t, nil
	}
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		if t.TLSClientConfig.RootCAs, err = readCAs(c.CAFile); err != nil {
			return "", nil, fmt.Errorf("CA file %q: %w", c.CAFile, err)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return "", nil, fmt.Errorf("client certificate %q: %w", c.CertFile, err)
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	return "https://" + dialAddress(address), t, nil
}

// authorize adds the token. None is needed beside a client certificate.
func (c *Client) authorize(r *http.Request) error {
	text := strings.TrimSpace(os.Getenv(TokenVariable))
	switch {
	case c.TokenFile != "":
		var err error
		if text, err = readToken(c.TokenFile); err != nil {
			return err
		}
	case text == "" && c.CertFile != "":
		return nil
	case text == "":
		return errors.New("no token: give -token-file, or set " + TokenVariable)
	}
	r.Header.Set("Authorization", "Bearer "+text)
	return nil
}

// refused returns what a problem document says.
func refused(response *http.Response) error {
	var p problem
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		return fmt.Errorf("the gateway answered %s", response.Status)
	}
	return fmt.Errorf("%s (%s)", p.Detail, response.Status)
}

// maxRefusal bounds what is read of a problem document, in bytes.
const maxRefusal = 256 << 10
