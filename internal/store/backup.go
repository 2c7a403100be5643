package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"entgo.io/ent/dialect"
)

// errMemory is the failure to keep or replace what is gone with its process.
var errMemory = errors.New("a database in memory has no backup: set DATABASE_URL")

// Backup writes the database, as it is at one moment while servers go on writing, to a
// new file that its owner alone can read, and returns the size of the file. Every write
// that was answered before is in it. The file has its name only when it was checked and is
// on the disk; no other file is ever overwritten. That of SQLite is a database, that of
// PostgreSQL an archive of pg_dump, which must be on PATH. Neither has SECRET_KEY.
func Backup(ctx context.Context, databaseURL, file string) (size int64, err error) {
	if err := Check(databaseURL); err != nil {
		return 0, err
	}
	write := func(draft string) error { return dump(ctx, databaseURL, draft) }
	if path := Path(databaseURL); path != "" {
		write = func(draft string) error { return vacuum(ctx, databaseURL, draft) }
	} else if databaseURL == memory {
		return 0, errMemory
	}
	if err := newFile(file, write); err != nil {
		return 0, err
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Restore puts a file of Backup into the database, which must have no tables, and ends
// every sign-in: one that was ended since the backup must not come back. It fails if the
// file is damaged, is none of Backup, or is from a newer version, and then leaves the
// database without tables. Servers are to be started when it is done.
func Restore(ctx context.Context, databaseURL, file string) error {
	if err := Check(databaseURL); err != nil {
		return err
	}
	if databaseURL == memory {
		return errMemory
	}
	kind, err := kindOf(file)
	if err != nil {
		return fmt.Errorf("the backup cannot be read: %w", err)
	}
	want := dialect.Postgres
	if Path(databaseURL) != "" {
		want = dialect.SQLite
	}
	switch {
	case kind == "":
		return fmt.Errorf("%s is no backup: it is neither a SQLite database nor an archive of pg_dump", file)
	case kind != want:
		return fmt.Errorf("%s is a backup of %s: set DATABASE_URL to such a database", file, map[string]string{dialect.Postgres: "PostgreSQL", dialect.SQLite: "SQLite"}[kind])
	case kind == dialect.Postgres:
		return load(ctx, databaseURL, file)
	}
	path := Path(databaseURL)
	for _, name := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already, and nothing is overwritten: stop the servers and move all files of that database away", name)
		}
	}
	return newFile(path, func(draft string) error {
		if err := copyFile(file, draft); err != nil {
			return err
		}
		applied, err := sound(ctx, draft)
		if err != nil {
			return fmt.Errorf("%s is damaged, or no backup: %w", file, err)
		}
		if err := (&DB{Dialect: dialect.SQLite}).know(applied); err != nil {
			return err
		}
		db, err := sql.Open("sqlite", lite(draft, url.Values{"_time_format": pragmas["_time_format"], "_timezone": pragmas["_timezone"]}))
		if err != nil {
			return err
		}
		return errors.Join(signOut(ctx, db, dialect.SQLite), db.Close())
	})
}

// kindOf tells by its first bytes of which database a file is a backup; empty for any
// other file.
func kindOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	begin := make([]byte, 16)
	n, err := io.ReadFull(f, begin)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return "", err
	case string(begin[:n]) == "SQLite format 3\x00":
		return dialect.SQLite, nil
	case n >= 5 && string(begin[:5]) == "PGDMP":
		return dialect.Postgres, nil
	}
	return "", nil
}

// newFile makes a file of what write puts into a draft beside it, which is readable by
// its owner alone. The file has its name when all of it is on the disk.
func newFile(file string, write func(draft string) error) error {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s is there already, and nothing is overwritten", file)
	}
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.part")
	if err != nil {
		return err
	}
	draft := f.Name()
	defer os.Remove(draft) // does nothing after Rename
	if err := errors.Join(f.Close(), write(draft)); err != nil {
		return err
	}
	if f, err = os.OpenFile(draft, os.O_RDWR, 0); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(draft, file)); err != nil {
		return err
	}
	if folder, err := os.Open(filepath.Dir(file)); err == nil { // not every system can
		folder.Sync()
		folder.Close()
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// lite returns the name by which SQLite opens the file.
func lite(path string, parameters url.Values) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + parameters.Encode()
}

// vacuum copies the SQLite database into the draft, and checks the copy.
func vacuum(ctx context.Context, databaseURL, draft string) error {
	if _, err := os.Stat(Path(databaseURL)); err != nil {
		return fmt.Errorf("there is no database: %w", err)
	}
	db, err := Open(databaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	if draft, err = filepath.Abs(draft); err != nil { // it could look like a URI
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", draft); err != nil {
		return err
	}
	if _, err := sound(ctx, draft); err != nil {
		return fmt.Errorf("the copy is damaged, and so the database may be: %w", err)
	}
	return nil
}

// sound fails if a SQLite file that nobody writes is damaged or none of this program. It
// returns the migrations that it has.
func sound(ctx context.Context, path string) (applied []string, err error) {
	db, err := sql.Open("sqlite", lite(path, url.Values{"mode": {"ro"}, "immutable": {"1"}}))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var first string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&first); err != nil {
		return nil, err
	}
	if first != "ok" {
		return nil, errors.New("its integrity check fails")
	}
	var table string
	err = db.QueryRowContext(ctx, `SELECT "table" FROM pragma_foreign_key_check`).Scan(&table)
	if err == nil {
		return nil, fmt.Errorf("a row of %s refers to none", table)
	} else if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	applied, err = (&DB{DB: db, Dialect: dialect.SQLite}).applied(ctx)
	if err == nil && applied == nil {
		err = errors.New("it has no tables of Caregraph")
	}
	return applied, err
}

// sessionGap is how many ids of sign-ins a restored database leaves out. A token names its
// sign-in and its user by their ids: one that was signed since the backup must not stand for
// what is made under these ids after it.
const sessionGap = 1_000_000

// signOut ends all sign-ins of a restored database.
func signOut(ctx context.Context, db *sql.DB, kind string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	there, skip := "SELECT count(*) FROM sqlite_master WHERE name = 'sessions'", "UPDATE sqlite_sequence SET seq = seq + $1 WHERE name = 'sessions'"
	if kind == dialect.Postgres {
		there, skip = "SELECT count(*) FROM pg_class WHERE oid = to_regclass('sessions')", "SELECT setval(pg_get_serial_sequence('sessions', 'id'), nextval(pg_get_serial_sequence('sessions', 'id')) + $1)"
	}
	var sessions int
	if err := tx.QueryRowContext(ctx, there).Scan(&sessions); err != nil || sessions == 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL", time.Now().UTC()); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, skip, sessionGap); err != nil {
		return err
	}
	return tx.Commit()
}
