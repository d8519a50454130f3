-- The account at the root of a token: who made it, or made the token that made it. Tokens end with the rights of
-- that account; a name alone does not say who it was, since tokens may be named like accounts. No foreign key: a
-- token that is to stay outlives its account.
alter table api_token add column account_id uuid;
-- Those of before by the name of their maker, where an account of that name was there when they were made; the
-- token of this machine's command line is nobody's.
update api_token set account_id = account.id
from account
where account.name = api_token.created_by
  and account.made_at <= api_token.created_at
  and not (api_token.created_by = 'switchover' and api_token.name = 'local administrator');
