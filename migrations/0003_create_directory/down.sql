DROP POLICY tenant ON users;
DROP TABLE organization_members;
DROP TABLE users;
DROP TABLE organizations;
