//! The flaws that are open, each summed up over the findings that tell of it, from `moved`.

use crate::door::TenantTx;
use crate::error::StoreError;

/// Brings the flaws whose findings moved up to date. The only findings that are counted are those of flaws that were not
/// open before.
pub(super) async fn write_open_flaws(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    let any = sqlx::query(
        "create temporary table moved_flaws on commit drop as
         select subject as flaw_id, sum((\"is\" = 'open')::int - (coalesce(was, '') = 'open')::int) as more
         from moved where subject <> '' group by subject",
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    if any > 0 {
        sqlx::query("analyze moved_flaws").execute(tx.conn()).await?;
        for sql in STEPS {
            sqlx::query(sql).bind(tenant).execute(tx.conn()).await?;
        }
    }
    sqlx::query("drop table moved_flaws").execute(tx.conn()).await?;
    Ok(())
}

const STEPS: [&str; 3] = [
    "delete from open_flaws o using moved_flaws m
     where o.tenant_id = $1 and o.flaw_id = m.flaw_id and o.findings + m.more <= 0",
    // The greatest risk is the first entry of an index; whether it is exploited is in its packages.
    "update open_flaws o set findings = o.findings + m.more, risk = coalesce(r.risk, o.risk),
         exploited = coalesce(p.exploited, o.exploited)
     from moved_flaws m
     left join lateral (select f.risk from findings f
         where f.tenant_id = $1 and f.subject = m.flaw_id and f.subject <> '' and f.state = 'open'
         order by f.risk desc limit 1) r on true
     left join lateral (select bool_or(p.exploited) as exploited from package_flaws p
         where p.tenant_id = $1 and p.flaw_id = m.flaw_id) p on true
     where o.tenant_id = $1 and o.flaw_id = m.flaw_id
         and (m.more <> 0 or o.risk <> r.risk or o.exploited <> p.exploited)",
    "insert into open_flaws (tenant_id, flaw_id, findings, risk, exploited, probability)
     select $1, m.flaw_id, f.findings, f.risk, p.exploited,
         (select max(c.probability) from forecasts c where c.flaw_id = any(p.cves))
     from moved_flaws m
     cross join lateral (select bool_or(p.exploited) as exploited, count(*) as packages,
             array_agg(distinct name) filter (where name is not null) as cves
         from package_flaws p left join lateral unnest(p.cves) name on true
         where p.tenant_id = $1 and p.flaw_id = m.flaw_id) p
     cross join lateral (select count(*) as findings, max(f.risk) as risk from findings f
         where f.tenant_id = $1 and f.subject = m.flaw_id and f.subject <> '' and f.state = 'open') f
     where m.more > 0 and p.packages > 0 and f.findings > 0
         and not exists (select from open_flaws o where o.tenant_id = $1 and o.flaw_id = m.flaw_id)
     order by m.flaw_id",
];
