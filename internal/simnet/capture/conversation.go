// Package capture holds real CWMP conversations and plays either side of them,
// byte for byte. It is for tests alone: nothing of it belongs in a binary.
package capture

import (
	"bufio"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/acsgate/acsgate/internal/httpwire"
)

//go:embed testdata
var files embed.FS

// Message is one HTTP message as it was on the wire.
type Message struct {
	Name    string // file name
	FromCPE bool
	Raw     []byte
}

// Conversation is what a CPE and an ACS said, in order. It may hold several
// sessions, and connection requests between them.
type Conversation struct {
	Name     string
	Messages []Message
}

// Names lists the conversations that come with the package.
func Names() []string {
	entries, err := fs.ReadDir(files, "testdata")
	if err != nil {
		panic(err) // they are embedded
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// Load returns a conversation that comes with the package. It panics when
// there is none of that name.
func Load(name string) Conversation {
	c, err := Read(files, "testdata/"+name)
	if err != nil {
		panic(err)
	}
	return c
}

// Read reads a folder of files named NN-cpe.http and NN-acs.http.
func Read(fsys fs.FS, dir string) (Conversation, error) {
	c := Conversation{Name: dir[strings.LastIndex(dir, "/")+1:]}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return c, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".http") {
			continue
		}
		raw, err := fs.ReadFile(fsys, dir+"/"+e.Name())
		if err != nil {
			return c, err
		}
		c.Messages = append(c.Messages, Message{Name: e.Name(), FromCPE: strings.HasSuffix(e.Name(), "-cpe.http"), Raw: raw})
	}
	if len(c.Messages) == 0 {
		return c, fmt.Errorf("conversation %q: no files named NN-cpe.http or NN-acs.http", dir)
	}
	return c, nil
}

// Turn is a POST of the CPE and the ACS's reply.
type Turn struct{ Request, Reply Message }

// Turns returns the POSTs with their replies. Connection requests, which go
// from the ACS to the CPE, are left out.
func (c Conversation) Turns() []Turn {
	var turns []Turn
	for i := 0; i+1 < len(c.Messages); i++ {
		request, reply := c.Messages[i], c.Messages[i+1]
		if request.FromCPE && !reply.FromCPE && strings.HasPrefix(string(request.Raw), "POST ") {
			turns = append(turns, Turn{request, reply})
		}
	}
	return turns
}

// Sessions splits the turns at the replies that end a session.
func (c Conversation) Sessions() [][]Turn {
	var sessions [][]Turn
	var current []Turn
	for _, t := range c.Turns() {
		current = append(current, t)
		if resp, _, err := t.Reply.Response(); err == nil && resp.Status == 204 {
			sessions = append(sessions, current)
			current = nil
		}
	}
	if current != nil {
		sessions = append(sessions, current)
	}
	return sessions
}

// split cuts a message into its head, with the empty line, and its body.
func (m Message) split() (head, body string) {
	end := strings.Index(string(m.Raw), "\r\n\r\n")
	if end < 0 {
		return string(m.Raw), ""
	}
	return string(m.Raw[:end+4]), string(m.Raw[end+4:])
}

// Request parses a message of the CPE.
func (m Message) Request() (req httpwire.Request, body string, err error) {
	head, body := m.split()
	head, err = httpwire.ReadHead(bufio.NewReader(strings.NewReader(head)), len(head)+1)
	if err == nil {
		err = httpwire.ParseRequest(head, &req)
	}
	return req, body, err
}

// Response parses a message of the ACS.
func (m Message) Response() (resp httpwire.Response, body string, err error) {
	head, body := m.split()
	head, err = httpwire.ReadHead(bufio.NewReader(strings.NewReader(head)), len(head)+1)
	if err == nil {
		err = httpwire.ParseResponse(head, &resp)
	}
	return resp, body, err
}
