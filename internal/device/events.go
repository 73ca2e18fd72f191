package device

import "github.com/acsgate/acsgate/internal/cwmp"

// eventSet is the event codes of an Inform, one bit each.
type eventSet uint32

// eventOther stands for all codes that are not in the table.
const eventOther eventSet = 1 << 31

// eventTable gives each code its bit. The order is part of what is stored.
var eventTable = [...]string{
	cwmp.EventBootstrap, cwmp.EventBoot, cwmp.EventPeriodic, cwmp.EventScheduled, cwmp.EventValueChange,
	cwmp.EventKicked, cwmp.EventConnectionRequest, cwmp.EventTransferComplete, cwmp.EventDiagnosticsComplete,
	cwmp.EventRequestDownload, cwmp.EventAutonomousTransferComplete, cwmp.EventDUStateChangeComplete,
	cwmp.EventAutonomousDUStateChange, cwmp.EventWakeup, cwmp.EventHeartbeat, cwmp.EventMReboot,
	cwmp.EventMScheduleInform, cwmp.EventMDownload, cwmp.EventMScheduleDownload, cwmp.EventMUpload,
	cwmp.EventMChangeDUState,
}

// eventOtherCode is how codes that are not in the table are reported.
const eventOtherCode = "X"

func newEventSet(codes []string) (set eventSet) {
	for _, code := range codes {
		set |= eventBit(code)
	}
	return set
}

func eventBit(code string) eventSet {
	for i, known := range eventTable {
		if code == known {
			return 1 << i
		}
	}
	return eventOther
}

func (s eventSet) codes() (codes []string) {
	for i, code := range eventTable {
		if s&(1<<i) != 0 {
			codes = append(codes, code)
		}
	}
	if s&eventOther != 0 {
		codes = append(codes, eventOtherCode)
	}
	return codes
}
