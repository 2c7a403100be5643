//go:build unix && !linux

package storetest

import "syscall"

func dyingWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
