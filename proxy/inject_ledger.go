package proxy

import (
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// ledger is what injections must know of the talk between CPE and ACS.
type ledger struct {
	// key is ManagementServer.ParameterKey as the ACS knows it: of the Inform, or
	// of what the ACS has set since (TR-069 A.3.2.1).
	key    string
	offers []keyOffer
	// asks tells that the ACS waits for the answer to a request of its own.
	asks bool
	// alike are the IDs that the ACS waits with and that look like the gateway's.
	alike []string
	// transfers are those that the CPE has taken on and not reported complete.
	transfers int
}

// keyOffer is the ParameterKey of a request of the ACS, until the CPE answers.
type keyOffer struct{ id, method, key string }

// elementParameterKey selects what noteACS reads of a request.
var elementParameterKey = []string{"ParameterKey"}

// noteACS follows what the ACS says.
func (l *ledger) noteACS(first *cwmp.Message, more []cwmp.Message) {
	l.offers, l.asks, l.alike = nil, false, nil
	l.noteRequest(first)
	for i := range more {
		l.noteRequest(&more[i])
	}
}

func (l *ledger) noteRequest(m *cwmp.Message) {
	if m.Kind != cwmp.Request {
		l.asks = l.asks || m.Kind == cwmp.Unknown // it may be a request
		return
	}
	l.asks = true
	if isInjectedID(m.ID) {
		l.alike = append(l.alike, strings.Clone(m.ID))
	}
	switch m.Method {
	case cwmp.MethodSetParameterValues, cwmp.MethodAddObject, cwmp.MethodDeleteObject:
	default:
		return
	}
	if len(m.Elements) == 1 && len(m.Elements[0].Value) <= maxParam {
		l.offers = append(l.offers, keyOffer{strings.Clone(m.ID), strings.Clone(m.Method), strings.Clone(m.Elements[0].Value)})
	}
}

// noteCPE follows what the CPE says to the ACS.
func (l *ledger) noteCPE(r *request) {
	l.noteAnswer(r, &r.msg)
	for i := range r.more {
		l.noteAnswer(r, &r.more[i])
	}
}

func (l *ledger) noteAnswer(r *request, m *cwmp.Message) {
	switch m.Method {
	case cwmp.MethodTransferComplete:
		l.transfers = max(l.transfers-1, 0)
	case cwmp.MethodScheduleDownload + "Response":
		l.transfers++
	case cwmp.MethodDownload + "Response", cwmp.MethodUpload + "Response":
		if !r.toldDone() {
			l.transfers++
		}
	case cwmp.MethodSetParameterValues + "Response", cwmp.MethodAddObject + "Response", cwmp.MethodDeleteObject + "Response":
		l.accept(m)
	}
}

// accept takes the key of the request that m answers. With one outstanding the
// CPE can mean no other; of several it names one by its ID (quirk C-56).
func (l *ledger) accept(m *cwmp.Message) {
	for i := range l.offers {
		o := &l.offers[i]
		if o.method+"Response" == m.Method && (len(l.offers) == 1 || o.id == m.ID) {
			l.key = o.key
			return
		}
	}
}

// toldDone tells whether every answer in the message has Status 0: a transfer
// that is complete already. In doubt it is not.
func (r *request) toldDone() bool {
	all, err := cwmp.ScanAll(r.body, cwmp.Options{Elements: []string{pathStatus}, Charset: charset(r.head.Fields.Get("Content-Type"))})
	if err != nil {
		return false
	}
	told := false
	for i := range all {
		for j := range all[i].Elements {
			if told = true; all[i].Elements[j].Value != "0" {
				return false
			}
		}
	}
	return told
}

// noteForInjections follows what the CPE says to the ACS.
func (s *session) noteForInjections(r *request) {
	if s.inject != nil {
		s.inject.noteCPE(r)
	}
}

// readForInjections is what is to be read of the ACS's requests.
func (s *session) readForInjections() []string {
	if s.inject == nil {
		return nil
	}
	return elementParameterKey
}

// noteAskedForInjections follows what the ACS says, unless it has merely
// challenged the CPE.
func (s *session) noteAskedForInjections(head *httpwire.Response, first *cwmp.Message, more []cwmp.Message) {
	if s.inject != nil && head.Status < 300 {
		s.inject.noteACS(first, more)
	}
}
