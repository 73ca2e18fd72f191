package proxy

import (
	"slices"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// editSet is which of editNames were rewritten in a leg.
type editSet uint16

// Names of edits that are not those of URLs of files.
const (
	editURL         = paramURL
	editUDPAddress  = paramUDPAddress
	editACSURL      = "ManagementServer.URL"
	editChallenge   = "WWW-Authenticate qop" // auth-int was taken out
	editDeclaration = "XML declaration"      // was taken out
	editRefused     = "RPC refused"          // a request of the ACS was answered in the CPE's place
)

// editNames are all that a leg can tell of, each with its bit.
var editNames = [...]string{
	editURL, editUDPAddress, editACSURL,
	cwmp.MethodDownload + ".URL", cwmp.MethodDownload + ".SuccessURL", cwmp.MethodDownload + ".FailureURL",
	cwmp.MethodUpload + ".URL", cwmp.MethodScheduleDownload + ".URL",
	cwmp.MethodAutonomousTransferComplete + ".AnnounceURL", cwmp.MethodAutonomousTransferComplete + ".TransferURL",
	editChallenge, editDeclaration, editRefused,
}

// add notes an edit.
func (e *editSet) add(name string) {
	if i := slices.Index(editNames[:], name); i >= 0 {
		*e |= 1 << i
	}
}

// editLists are the lists of names that were asked for: few, since most sessions
// are edited alike.
var editLists = xsync.NewMap[editSet, []string]()

// names lists the edits, nil for none. The list is shared.
func (e editSet) names() []string {
	if e == 0 {
		return nil
	}
	list, _ := editLists.LoadOrCompute(e, func() ([]string, bool) {
		var names []string
		for i, name := range editNames {
			if e&(1<<i) != 0 {
				names = append(names, name)
			}
		}
		return names, false
	})
	return list
}
