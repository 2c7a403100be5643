// Package connection names the connections of the contract for gqlgen. They are
// aliases of types of internal/reading, whose methods gqlgen finds only if the
// alias stands in an internal package, too.
package connection

import (
	"caregraph/ent"
	"caregraph/internal/reading"
)

// The connections and their edges.
type (
	UserConnection        = reading.Connection[ent.User]
	UserEdge              = reading.Edge[ent.User]
	PatientConnection     = reading.Connection[ent.Patient]
	PatientEdge           = reading.Edge[ent.Patient]
	DoctorConnection      = reading.Connection[ent.Doctor]
	DoctorEdge            = reading.Edge[ent.Doctor]
	MappingConnection     = reading.Connection[ent.Mapping]
	MappingEdge           = reading.Edge[ent.Mapping]
	AccessEventConnection = reading.Connection[ent.AccessEvent]
	AccessEventEdge       = reading.Edge[ent.AccessEvent]
	RevisionConnection    = reading.Connection[ent.Revision]
	RevisionEdge          = reading.Edge[ent.Revision]
)
