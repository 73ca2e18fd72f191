package proxy

import "github.com/acsgate/acsgate/internal/cwmp"

// ownEdits adds to edits what gives the ACS its own values back in what the CPE
// reports: of ManagementServer.URL in an Inform, which notifications are, and in a
// GetParameterValuesResponse (quirk C-60), and of URLs of files in an
// AutonomousTransferComplete.
func (s *Server) ownEdits(sess *session, r *request, edits []cwmp.Edit) []cwmp.Edit {
	g := sess.guard
	if g == nil {
		return edits
	}
	if g.urls.ToACS != nil {
		for i := range r.params {
			p := &r.params[i]
			if managed(p.Name) != paramACSURL {
				continue
			}
			if own, ok := g.urls.ToACS(p.Value); ok && own != p.Value {
				s.countGuard(g, "restored")
				sess.leg.edits.add(editACSURL)
				edits = append(edits, cwmp.Edit{At: p.At, Text: own})
			}
		}
	}
	if g.urls.FileURL != nil {
		edits = s.fileEdits(sess, &r.msg, "file_restored", edits)
		for i := range r.more {
			edits = s.fileEdits(sess, &r.more[i], "file_restored", edits)
		}
	}
	return edits
}

// presentAgain edits the message for the ACS that the session has fallen back to.
func (s *Server) presentAgain(sess *session, r *request) {
	if s.deps.Guard == nil && s.deps.Filter == nil {
		return
	}
	if r.unedited != nil {
		r.body, r.edited, r.unedited = r.unedited, false, nil
	}
	sess.leg.edits = 0
	s.guard(sess, r)
	s.present(sess, r)
}

// wantedGuarded selects what wanted does and the URL of the ACS.
func wantedGuarded(name []byte) bool { return isManagementURL(name) || wanted(name) }
