-- locks: doctors, patients
-- Names are found in other spellings, a patient may have no e-mail address, and its date of birth may be known by the year alone.
ALTER TABLE doctors ADD COLUMN name_sound character varying COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE patients ADD COLUMN name_sound character varying COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN birth_date_estimated boolean NOT NULL DEFAULT false,
  ALTER COLUMN email DROP NOT NULL;
CREATE TABLE rekeyed (version bigint PRIMARY KEY, checked_at timestamptz NOT NULL);
