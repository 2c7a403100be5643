package server

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notify tells systemd the state of the server; under anything else it does nothing
// (sd_notify(3)).
func notify(state string) { daemon.SdNotify(false, state) }

// watchdog tells systemd that the process is alive, twice in the time after which systemd
// would restart it, until ctx ends (WatchdogSec).
func watchdog(ctx context.Context) {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil || within == 0 {
		return
	}
	ticker := time.NewTicker(within / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			notify(daemon.SdNotifyWatchdog)
		}
	}
}
