package storetest

import "syscall"

// dyingWithParent makes a server end even if the tests are killed.
func dyingWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
}
