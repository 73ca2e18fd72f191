package proxy

import (
	"slices"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// owns tells whether a message of the CPE's answers an RPC of the gateway's, be
// it one of an earlier session: by its ID, unless the ACS is a gateway too and
// has asked under it, or because nobody else has asked anything.
func (in *injector) owns(m *cwmp.Message) bool {
	switch m.Kind {
	case cwmp.Response, cwmp.Fault:
		if isInjectedID(m.ID) && !in.holds() {
			return !slices.Contains(in.alike, m.ID)
		}
		return in.holds() || in.sent && !in.asks
	case cwmp.Unknown:
		return in.holds() // whatever it is, it is no business of the ACS's
	case cwmp.Empty, cwmp.Request:
	}
	return false
}

// takeAnswers takes out of the CPE's message what answers RPCs of the gateway's,
// so that r is what remains for the ACS. It returns how many envelopes those
// were.
func (s *Server) takeAnswers(sess *session, r *request) int {
	in := sess.inject
	if !in.owns(&r.msg) && !slices.ContainsFunc(r.more, func(m cwmp.Message) bool { return in.owns(&m) }) {
		return 0
	}
	all := append([]cwmp.Message{r.msg}, r.more...)
	ours := make([]bool, len(all)) // judged before the first is taken
	own := 0
	for i := range all {
		if ours[i] = in.owns(&all[i]); ours[i] {
			own++
		}
	}
	s.learnTold(sess, r)
	body, err := r.plain(int64(sess.gen.cfg.Limits.BodyBytes))
	if err != nil {
		body = nil
	}
	for i := range all {
		if ours[i] {
			s.takeAnswer(sess, r, body, i, &all[i])
		}
	}
	if own == len(all) {
		r.clear()
	} else {
		r.cut(body, all, ours)
	}
	return own
}

// takeAnswer notes one answer, envelope i of body.
func (s *Server) takeAnswer(sess *session, r *request, body []byte, i int, m *cwmp.Message) {
	in := sess.inject
	if m.Kind == cwmp.Fault {
		s.metrics.message(m, "cpe")
		sess.noteFault("gw:" + m.FaultCode)
	}
	switch {
	case in.out == nil || m.ID != in.out.id && isInjectedID(m.ID):
		s.metrics.injectionOdd.WithLabelValues("repeated").Inc()
		return
	case m.Kind != cwmp.Unknown && m.ID != in.out.id: // order tells what it answers
		s.metrics.injectionOdd.WithLabelValues("id").Inc()
	}
	result := in.out.rpc.read(body, charset(r.head.Fields.Get("Content-Type")), i)
	in.answered(result, time.Now())
	if result.Unreadable {
		s.metrics.injectionOdd.WithLabelValues("unreadable").Inc()
		in.ignores = true
		in.finish(0, InjectionIgnored, "the CPE's answer makes no sense")
	}
}

// plain returns the text of the body.
func (r *request) plain(limit int64) ([]byte, error) {
	if r.decoded {
		return r.body, nil
	}
	return r.plainBody(limit)
}

// clear leaves an empty message.
func (r *request) clear() {
	r.msg, r.more, r.params = cwmp.Message{Kind: cwmp.Empty}, nil, nil
	r.body, r.decoded, r.edited = nil, true, true
}

// cut takes those envelopes of body out that are ours.
func (r *request) cut(body []byte, all []cwmp.Message, ours []bool) {
	var rest []byte
	start := 0
	for i := range all {
		end := all[i].Rest
		if end == 0 || i == len(all)-1 {
			end = len(body)
		}
		if !ours[i] {
			rest = append(rest, body[start:end]...)
		}
		start = end
	}
	r.clear()
	r.body = rest
	if err := r.scan(rest); err != nil {
		r.msg = cwmp.Message{Kind: cwmp.Unknown}
	}
}

// strip takes off the head what only a message with a body has, and returns the
// head as it was.
func (r *request) strip() heldPost {
	was := heldPost{head: r.head, path: r.path, answer: r.answer, digest: r.digest}
	r.head.Fields = slices.DeleteFunc(slices.Clone(r.head.Fields), func(f httpwire.Field) bool {
		return strings.EqualFold(f.Name, "Content-Type") || strings.EqualFold(f.Name, "SOAPAction")
	})
	return was
}

// hold keeps what is needed of an empty POST to make it again.
func (r *request) hold() *heldPost {
	h := &heldPost{head: r.head, path: r.path, body: slices.Clone(r.body), decoded: r.decoded, answer: r.answer, digest: r.digest}
	h.head.Fields = slices.Clone(r.head.Fields)
	return h
}

// become makes r an empty POST that was held, and returns the head as it was.
func (r *request) become(h *heldPost) heldPost {
	was := heldPost{head: r.head, path: r.path, answer: r.answer, digest: r.digest}
	r.clear()
	r.restore(*h)
	r.body, r.edited, r.decoded = h.body, false, h.decoded
	return was
}

// restore gives r its own head back: the connection goes on by that.
func (r *request) restore(was heldPost) {
	r.head, r.path, r.answer, r.digest = was.head, was.path, was.answer, was.digest
}

func cloneDialect(d cwmp.Dialect) cwmp.Dialect {
	return cwmp.Dialect{
		EnvelopePrefix: strings.Clone(d.EnvelopePrefix), CWMPPrefix: strings.Clone(d.CWMPPrefix), Namespace: strings.Clone(d.Namespace),
	}
}

// answersNobody tells, where no RPC can have been asked, an answer to one of the
// gateway's whose session is gone. No ACS is to see it.
func (s *Server) answersNobody(r *request) bool {
	if s.deps.Injections == nil {
		return false // such IDs are those of a gateway behind this one
	}
	return isInjectedAnswer(r.msg) || slices.ContainsFunc(r.more, isInjectedAnswer)
}

func isInjectedAnswer(m cwmp.Message) bool {
	return (m.Kind == cwmp.Response || m.Kind == cwmp.Fault) && isInjectedID(m.ID)
}
