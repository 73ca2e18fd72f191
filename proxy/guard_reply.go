package proxy

import (
	"errors"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// said is one message of an ACS: most often one envelope.
type said struct {
	first *cwmp.Message
	more  []cwmp.Message
}

func (a said) len() int { return 1 + len(a.more) }

func (a said) at(i int) *cwmp.Message {
	if i == 0 {
		return a.first
	}
	return &a.more[i-1]
}

// end is where envelope i ends in a body of that size. What cannot be read behind
// the last belongs to it.
func (a said) end(i, size int) int {
	if rest := a.at(i).Rest; rest > 0 && i < a.len()-1 {
		return rest
	}
	return size
}

// answersCPE tells a message that the CPE waits for.
func (a said) answersCPE() bool {
	for i := range a.len() {
		if kind := a.at(i).Kind; kind == cwmp.Response || kind == cwmp.Fault {
			return true
		}
	}
	return false
}

// unreadable tells a message that a more forgiving CPE might still make out.
func (a said) unreadable(body []byte) bool {
	last := a.at(a.len() - 1)
	return last.Rest > 0 || a.first.Kind == cwmp.Unknown && a.first.Charset == "" && !isBlank(body)
}

// denial is the fault that answers a request in place of the CPE.
type denial struct {
	code   string // "" for none
	params []cwmp.ParamFault
}

// judge says what is to be changed in the ACS's message, and which of its
// envelopes the CPE must not get, by their places.
func (s *Server) judge(sess *session, a said) (edits []cwmp.Edit, refused map[int]denial) {
	for i := range a.len() {
		m := a.at(i)
		if m.Kind != cwmp.Request {
			continue
		}
		made, bad := s.judgeRequest(sess, m, edits)
		if bad.code == "" {
			edits = made
			continue
		}
		if refused == nil {
			refused = map[int]denial{}
		}
		refused[i] = bad
	}
	return edits, refused
}

// judgeRequest adds to edits what is to be changed in one request.
func (s *Server) judgeRequest(sess *session, m *cwmp.Message, edits []cwmp.Edit) ([]cwmp.Edit, denial) {
	g := sess.guard
	switch {
	case g.forbids(m.Method):
		s.countGuard(g, "filtered")
		return nil, denial{code: cwmp.FaultRequestDenied}
	case m.Method == cwmp.MethodSetParameterValues && g.urls.ToCPE != nil:
		return s.judgeURLs(sess, m, edits)
	case g.urls.FileURL != nil:
		return s.fileEdits(sess, m, "file_replaced", edits), denial{}
	}
	return edits, denial{}
}

// judgeURLs judges what the ACS sets ManagementServer.URL to. One value that is
// refused refuses the request: it is done as a whole or not at all (TR-069
// A.3.2.1).
func (s *Server) judgeURLs(sess *session, m *cwmp.Message, edits []cwmp.Edit) ([]cwmp.Edit, denial) {
	var bad denial
	for i := range m.Params {
		p := &m.Params[i]
		if !isManagementURL([]byte(p.Name)) {
			continue
		}
		v, action := sess.guard.urls.ToCPE(p.Value), "kept"
		switch v.Action {
		case URLReplace:
			action = "replaced"
			if v.Value != p.Value {
				sess.leg.edits.add(editACSURL)
				edits = append(edits, cwmp.Edit{At: p.At, Text: v.Value})
			}
		case URLRefuse:
			action = "refused"
			bad.refuse(p.Name, v.Fault)
		case URLKeep:
		}
		s.countGuard(sess.guard, action)
		if v.Alarm {
			s.alarm(sess, p.Value, action, v.Reason)
		}
	}
	return edits, bad
}

func (f *denial) refuse(name, code string) {
	if code == "" {
		code = cwmp.FaultRequestDenied
	}
	f.code = cwmp.FaultInvalidArguments
	f.params = append(f.params, cwmp.ParamFault{Name: name, Code: code})
}

var errTooManyEdits = errors.New("too many values are to be replaced")

// editReply makes the edits in what the ACS has said.
func (s *Server) editReply(r *request, got *acsReply, edits []cwmp.Edit) error {
	if len(edits) > maxEdits {
		return errTooManyEdits
	}
	if len(got.body) > pooledBody {
		if err := r.loan.reserve(len(got.body)); err != nil {
			return err
		}
	}
	body, err := cwmp.Rewrite(got.body, charset(got.head.Fields.Get("Content-Type")), edits)
	if err == nil {
		got.body, got.edited = body, true
	}
	return err
}

// without returns body without the refused envelopes, and the edits of the others
// moved to where their places are then. An XML declaration stays: it says how the
// rest is to be read.
func (a said) without(refused map[int]denial, body []byte, edits []cwmp.Edit) ([]byte, []cwmp.Edit) {
	var rest []byte
	if _, gone := refused[0]; gone {
		rest = append(rest, body[:a.first.Declaration.End]...)
	}
	var moved []cwmp.Edit
	start := 0
	for i := range a.len() {
		end := a.end(i, len(body))
		if _, gone := refused[i]; !gone {
			shift := len(rest) - start
			rest = append(rest, body[start:end]...)
			for _, e := range edits {
				if e.At.Start >= start && e.At.End <= end {
					e.At.Start, e.At.End = e.At.Start+shift, e.At.End+shift
					moved = append(moved, e)
				}
			}
		}
		start = end
	}
	return rest, moved
}

// holding returns a denial of each envelope that holds one of the edits: what
// cannot be made harmless is not passed.
func (a said) holding(edits []cwmp.Edit, size int) map[int]denial {
	refused := map[int]denial{}
	start := 0
	for i := range a.len() {
		end := a.end(i, size)
		for _, e := range edits {
			if e.At.Start >= start && e.At.End <= end {
				refused[i] = denial{code: cwmp.FaultInternalError}
			}
		}
		start = end
	}
	return refused
}
