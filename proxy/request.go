package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

var errTooLarge = httpwire.ErrBodyTooLarge

// request is one request of a CPE with its body in memory. It belongs to the
// connection that read it and is valid until the next one is read.
type request struct {
	head httpwire.Request
	path string // of the target, with its query, beginning with "/"
	body []byte // as it goes to the ACS
	size int    // of the body that the CPE sent
	msg  cwmp.Message
	more []cwmp.Message // the envelopes behind the first
	at   time.Time      // when it had arrived
	// decoded says that body is not in the encoding of the header any more.
	decoded bool
	answer  digestAnswer
	digest  bool // answer is set
	inform  informParams
	// params are the parameters that the CPE tells in any envelope, of those that
	// matter.
	params []cwmp.Param
	edited bool // body is not what the CPE wrote
	// unedited is the body before what is told in it was edited, nil if it was not.
	unedited []byte
	guards   bool // URLs are read for a guard
	// cookieOf is the session whose cookie came with the request.
	cookieOf *session
	route    Route // set when routed
	routed   bool
	// turn is the session whose turn the request has; handled, that the reply
	// to it is made.
	turn    *session
	handled bool
	buffer  *[]byte
	loan    loan
}

// informParams are the parameters of an Inform that matter to the gateway.
type informParams struct {
	softwareVersion, connectionRequestURL, udpAddress, parameterKey string
}

// isInform tells an Inform that names its device.
func (r *request) isInform() bool {
	return r.msg.Kind == cwmp.Request && r.msg.Method == "Inform"
}

func (r *request) release() {
	if r.buffer != nil {
		giveBuffer(r.buffer)
		r.buffer = nil
	}
	r.body, r.unedited, r.params = nil, nil, nil
	r.loan.release()
}

// setTarget derives the path. The absolute form is as good as the path alone
// (quirk C-35); the host in it is not used.
func (r *request) setTarget() error {
	target := r.head.Target
	if i := strings.Index(target, "://"); i > 0 && !strings.HasPrefix(target, "/") {
		rest := target[i+3:]
		if slash := strings.IndexAny(rest, "/?"); slash >= 0 {
			target = rest[slash:]
		} else {
			target = "/"
		}
	}
	if strings.HasPrefix(target, "?") {
		target = "/" + target
	}
	if !strings.HasPrefix(target, "/") {
		return fmt.Errorf("%w: request target %.80q", httpwire.ErrMalformed, r.head.Target)
	}
	r.path = target
	return nil
}

// inspect reads what the body says. A body that is no CWMP is passed through
// (quirk C-52); only one that is built to hurt is an error.
func (r *request) inspect(limit int64) error {
	r.msg, r.more, r.at = cwmp.Message{}, nil, time.Now()
	r.handled = false
	r.inform = informParams{}
	r.params, r.edited, r.unedited = nil, false, nil
	r.decoded, r.routed, r.cookieOf = false, false, nil
	r.answer, r.digest = parseDigestAnswer(r.head.Fields)
	plain, err := r.plainBody(limit)
	if err != nil {
		return err
	}
	if isBlank(plain) {
		r.msg.Kind = cwmp.Empty
		if !r.answer.authInt {
			r.body, r.decoded = nil, true
		}
		return nil
	}
	return r.scan(plain)
}

func (r *request) scan(plain []byte) error {
	opts := cwmp.Options{Params: wanted, Charset: charset(r.head.Fields.Get("Content-Type"))}
	if r.guards {
		opts.Params, opts.Elements = wantedGuarded, reportedFiles
	}
	var err error
	r.msg, err = cwmp.Scan(plain, opts)
	if hostile(err) {
		return err
	}
	if err != nil {
		r.msg = cwmp.Message{Kind: cwmp.Unknown}
		return nil
	}
	r.takeParams()
	if r.more, err = further(plain, &r.msg, opts); hostile(err) {
		return err
	}
	r.takeFurtherParams()
	return r.oneDevice()
}

// further reads the envelopes behind the first, which only CWMP 1.0 allows
// (quirk C-56). It returns those before the first that cannot be read.
func further(body []byte, first *cwmp.Message, opts cwmp.Options) ([]cwmp.Message, error) {
	if first.Rest == 0 {
		return nil, nil
	}
	all, err := cwmp.ScanAll(body, opts)
	if len(all) < 2 {
		return nil, err
	}
	return all[1:], err
}

// oneDevice refuses a body that informs of a device behind the back of the
// first envelope, which alone was routed and verified (quirk C-54).
func (r *request) oneDevice() error {
	for i := range r.more {
		m := &r.more[i]
		if m.Kind == cwmp.Request && m.Method == cwmp.MethodInform && (!r.isInform() || m.Device.Key() != r.msg.Device.Key()) {
			return fmt.Errorf("%w: an Inform of another device behind the first envelope", httpwire.ErrMalformed)
		}
	}
	return nil
}

// plainBody returns the body as text. The ACS is sent the plain one too, since
// few ACSs decompress, unless the digest answer covers the compressed bytes
// (quirks U7, C-32).
func (r *request) plainBody(limit int64) ([]byte, error) {
	encoding := r.head.Fields.Get("Content-Encoding")
	if isPlain(encoding) || len(r.body) == 0 {
		return r.body, nil
	}
	plain, err := decode(encoding, r.body, limit, r.loan.reserve)
	if err != nil {
		return nil, err
	}
	if !r.answer.authInt {
		r.body, r.decoded = plain, true
	}
	return plain, nil
}

// hostile tells a body that is refused from one that merely cannot be read.
func hostile(err error) bool {
	return errors.Is(err, cwmp.ErrDTD) || errors.Is(err, cwmp.ErrDepth) || errors.Is(err, cwmp.ErrTokens)
}

// isBlank tells a body without content: some stacks end an empty POST with a
// line end or a NUL.
func isBlank(body []byte) bool {
	for _, c := range body {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

var suffixes = []string{
	".DeviceInfo.SoftwareVersion", ".ManagementServer.ConnectionRequestURL",
	".ManagementServer.UDPConnectionRequestAddress", ".ManagementServer.ParameterKey",
}

// wanted selects the parameters of informParams by their ends, for any root, and
// those that are shown otherwise or learned from.
func wanted(name []byte) bool {
	dot := max(bytes.LastIndexByte(name, '.'), 0)
	object := name[:dot]
	switch string(name[dot:]) {
	case ".SoftwareVersion":
		return len(object) > len(".DeviceInfo") && bytes.HasSuffix(object, []byte(".DeviceInfo"))
	case ".ParameterKey", "." + paramURL, "." + paramUDPAddress,
		"." + paramUsername, "." + paramSTUNUsername, "." + paramSTUNEnable, "." + paramNATDetected:
		return len(object) > len(".ManagementServer") && bytes.HasSuffix(object, []byte(".ManagementServer"))
	}
	return false
}

// takeParams keeps the parameters that matter, and of the message what does not
// hold a mass of others in memory with it: sessions remember its strings.
func (r *request) takeParams() {
	size := 0
	for i := range r.msg.Params {
		r.inform.take(&r.msg.Params[i])
		size += len(r.msg.Params[i].Name) + len(r.msg.Params[i].Value)
	}
	for i := range r.msg.Elements {
		size += len(r.msg.Elements[i].Value)
	}
	if reports(&r.msg) {
		r.params = r.msg.Params
	}
	if r.msg.Params = nil; size > maxShared {
		r.inform.detach()
		detach(&r.msg)
	}
}

// takeFurtherParams does so for the envelopes behind the first.
func (r *request) takeFurtherParams() {
	for i := range r.more {
		if reports(&r.more[i]) {
			r.params = append(r.params, r.more[i].Params...)
		}
		r.more[i].Params = nil
	}
}

// reports tells a message in which a CPE tells values of its parameters.
func reports(m *cwmp.Message) bool {
	return m.Method == cwmp.MethodInform || m.Method == cwmp.MethodGetParameterValues+"Response"
}

// Bounds of what is remembered of parameters, in bytes: of one value, of which
// the standard allows 256, and of all that share an allocation.
const (
	maxParam  = 1 << 10
	maxShared = 4 << 10
)

func (p *informParams) fields() [4]*string {
	return [...]*string{&p.softwareVersion, &p.connectionRequestURL, &p.udpAddress, &p.parameterKey}
}

func (p *informParams) take(param *cwmp.Param) {
	for i, field := range p.fields() {
		if *field == "" && len(param.Value) <= maxParam && strings.HasSuffix(param.Name, suffixes[i]) {
			*field = param.Value
		}
	}
}

func (p *informParams) detach() {
	for _, field := range p.fields() {
		*field = strings.Clone(*field)
	}
}

// detach gives the message strings of its own.
func detach(m *cwmp.Message) {
	for _, field := range [...]*string{&m.Method, &m.ID, &m.Root, &m.FaultCode, &m.FaultString, &m.Charset} {
		*field = strings.Clone(*field)
	}
	for i := range m.Events {
		m.Events[i].Code = strings.Clone(m.Events[i].Code)
		m.Events[i].CommandKey = strings.Clone(m.Events[i].CommandKey)
	}
}

// charset returns the charset of a Content-Type in lower case, however it is
// quoted (quirk C-34).
func charset(contentType string) string {
	_, after, ok := strings.Cut(strings.ToLower(contentType), "charset")
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(strings.TrimLeft(after, " ="), ";")
	return strings.Trim(value, " \t\"'`")
}
