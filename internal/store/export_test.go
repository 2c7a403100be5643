package store

import "io/fs"

// SetMigrations makes Migrate apply other files than those of the binary.
func (db *DB) SetMigrations(files fs.FS) { db.files = files }
