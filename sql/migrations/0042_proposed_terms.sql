-- Up Migration

-- The terms of the codes of an announced campaign wait for a second operator, too.
alter table proposals
  drop constraint proposals_operation_check,
  add constraint proposals_operation_check check (operation in ('editCampaign', 'announceCampaign', 'cancelCampaign', 'closeCampaign', 'passOn', 'setEntrants', 'setTwoPerson', 'raiseCampaign', 'createCoupon', 'replaceTerms'));

-- Down Migration

delete from proposals where operation in ('createCoupon', 'replaceTerms');
alter table proposals
  drop constraint proposals_operation_check,
  add constraint proposals_operation_check check (operation in ('editCampaign', 'announceCampaign', 'cancelCampaign', 'closeCampaign', 'passOn', 'setEntrants', 'setTwoPerson', 'raiseCampaign'));
