package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Client speaks to the API of a running gateway.
type Client struct {
	// Address of the admin listener, as it is configured.
	Address string
	// TokenFile holds the token; empty means that of the environment variable
	// ACSGATE_TOKEN.
	TokenFile string
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

func single(v any) func(io.Reader) error {
	return func(body io.Reader) error { return json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(v) }
}

// call sends one request and hands a successful answer to read.
func (c *Client) call(ctx context.Context, method, path string, body any, read func(io.Reader) error) error {
	token, err := c.token()
	if err != nil {
		return err
	}
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+dialAddress(c.Address)+PathAPI+path, payload)
	if err != nil {
		return fmt.Errorf("admin address %q: %w", c.Address, err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	// A transport of its own: no proxy from the environment, nothing kept open.
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("admin listener %s: %w", c.Address, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return refused(response)
	}
	return read(response.Body)
}

func (c *Client) token() (string, error) {
	if c.TokenFile != "" {
		return readToken(c.TokenFile)
	}
	if text := strings.TrimSpace(os.Getenv(TokenVariable)); text != "" {
		return text, nil
	}
	return "", errors.New("no token: give -token-file, or set " + TokenVariable)
}

// refused returns what a problem document says.
func refused(response *http.Response) error {
	var p problem
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if json.Unmarshal(body, &p) != nil || p.Detail == "" {
		return fmt.Errorf("the gateway answered %s", response.Status)
	}
	return fmt.Errorf("%s (%s)", p.Detail, response.Status)
}
