/**
 * The schema that the statements rely on: what each migration adds, in Postgres' words (see catalog.ts). When a
 * migration changes something that an earlier one made, its entry moves to the later file.
 */
export interface ExpectedRelation {
  /** 'table', 'view' or 'sequence <type>'; absent where the migration only adds to a relation that was there. */
  readonly is?: string;
  readonly columns?: Readonly<Record<string, string>>;
  readonly constraints?: Readonly<Record<string, string>>;
  readonly indexes?: Readonly<Record<string, string>>;
  readonly triggers?: Readonly<Record<string, string>>;
}

/** By migration file, by relation. */
export const expectedSchema: Readonly<Record<string, Readonly<Record<string, ExpectedRelation>>>> = {
  '0001_ledger.sql': {
    registry_epoch: {
      is: 'sequence bigint',
    },
    campaigns: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null generated always as identity',
        kind: 'text not null',
        title: 'text not null',
        places: 'integer not null',
        opens_at: 'timestamp(3) with time zone not null',
        closes_at: 'timestamp(3) with time zone not null',
        closing_at: 'timestamp(3) with time zone',
        created_at: 'timestamp(3) with time zone not null default now()',
        revision: 'bigint not null default 1',
        settled_stamp: "bigint not null default '-1'::integer",
        settled_count: 'bigint not null default 0',
        granted_count: 'integer not null default 0',
        gone_count: 'integer not null default 0',
        gone_ranked: 'integer not null default 0',
        frozen_at: 'timestamp(3) with time zone',
        frozen_count: 'bigint',
        seed: 'bytea',
        seed_source: 'text',
        finished_at: 'timestamp(3) with time zone',
      },
      constraints: {
        campaigns_closing: 'CHECK',
        campaigns_exact: 'CHECK',
        campaigns_gone: 'CHECK',
        campaigns_granted: 'CHECK',
        campaigns_pkey: 'PRIMARY KEY (campaign_id)',
        campaigns_places_check: 'CHECK',
        campaigns_seed: 'CHECK',
        campaigns_seed_check: 'CHECK',
        campaigns_seed_source: 'CHECK',
        campaigns_settled: 'CHECK',
        campaigns_title_check: 'CHECK',
        campaigns_window: 'CHECK',
      },
      triggers: {
        campaigns_guard:
          'CREATE TRIGGER campaigns_guard BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION campaigns_guard()',
        campaigns_keep:
          'CREATE TRIGGER campaigns_keep BEFORE DELETE ON campaigns FOR EACH ROW EXECUTE FUNCTION campaigns_keep()',
      },
    },
    entries: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        user_id: 'text collate "C" not null',
        stamp: 'bigint not null',
      },
      constraints: {
        entries_pkey: 'PRIMARY KEY (campaign_id, user_id)',
        entries_stamp: 'UNIQUE (campaign_id, stamp)',
        entries_stamp_check: 'CHECK',
      },
    },
    grants: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        serial: 'integer not null',
        user_id: 'text collate "C" not null',
        code: 'text not null',
        granted_at: 'timestamp(3) with time zone not null default now()',
      },
      constraints: {
        grants_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        grants_campaign_id_user_id_fkey:
          'FOREIGN KEY (campaign_id, user_id) REFERENCES entries(campaign_id, user_id)',
        grants_code: 'UNIQUE (code)',
        grants_pkey: 'PRIMARY KEY (campaign_id, serial)',
        grants_serial_check: 'CHECK',
        grants_user: 'UNIQUE (campaign_id, user_id)',
      },
    },
    withdrawals: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        user_id: 'text collate "C" not null',
        stamp: 'bigint not null',
        honoured: 'boolean',
        gone_number: 'integer',
      },
      constraints: {
        withdrawals_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        withdrawals_gone: 'UNIQUE (campaign_id, gone_number)',
        withdrawals_numbered: 'CHECK',
        withdrawals_pkey: 'PRIMARY KEY (campaign_id, user_id)',
        withdrawals_stamp_check: 'CHECK',
      },
    },
    gateways: {
      is: 'table',
      columns: {
        gateway: 'integer not null',
        incarnation: 'bigint not null',
        log_name: 'text not null',
        partition: 'integer not null',
        state: "text not null default 'live'::text",
        through_us: 'bigint not null',
        ranked_us: 'bigint not null',
        slice_number: 'bigint not null default 0',
        repaired: 'boolean not null default false',
        seen_at: 'timestamp(3) with time zone not null default now()',
        ended_at: 'timestamp(3) with time zone',
      },
      constraints: {
        gateways_gateway_check: 'CHECK',
        gateways_pkey: 'PRIMARY KEY (gateway, incarnation)',
        gateways_state_check: 'CHECK',
      },
      indexes: {
        gateways_unrepaired: 'btree (gateway) where NOT repaired',
      },
    },
    log_partitions: {
      is: 'table',
      columns: {
        log_name: 'text not null',
        partition: 'integer not null',
        next_position: 'text not null',
      },
      constraints: {
        log_partitions_pkey: 'PRIMARY KEY (log_name, partition)',
      },
    },
    watermarks: {
      is: 'table',
      columns: {
        one_row: 'boolean not null default true',
        watermark_us: 'bigint not null default 0',
      },
      constraints: {
        watermarks_one_row_check: 'CHECK',
        watermarks_pkey: 'PRIMARY KEY (one_row)',
      },
    },
    engines: {
      is: 'table',
      columns: {
        engine_id: 'uuid not null',
        seen_at: 'timestamp(3) with time zone not null default now()',
      },
      constraints: {
        engines_pkey: 'PRIMARY KEY (engine_id)',
      },
    },
    set_aside: {
      is: 'table',
      columns: {
        set_aside_id: 'bigint not null generated always as identity',
        log_name: 'text not null',
        partition: 'integer not null',
        position: 'text not null',
        item: 'integer',
        reason: 'text not null',
        record: 'bytea not null',
        set_aside_at: 'timestamp(3) with time zone not null default now()',
      },
      constraints: {
        set_aside_pkey: 'PRIMARY KEY (set_aside_id)',
        set_aside_place: 'UNIQUE NULLS NOT DISTINCT (log_name, partition, "position", item)',
      },
    },
  },
  '0002_receipts.sql': {
    slices: {
      is: 'table',
      columns: {
        gateway: 'integer not null',
        incarnation: 'bigint not null',
        slice_number: 'bigint not null',
        first_us: 'bigint not null',
        last_us: 'bigint not null',
        signed_head: 'bytea not null',
      },
      constraints: {
        slices_gateway_check: 'CHECK',
        slices_instants: 'CHECK',
        slices_pkey: 'PRIMARY KEY (gateway, incarnation, slice_number)',
        slices_signed_head_check: 'CHECK',
      },
      indexes: {
        slices_in_order: 'btree (last_us, gateway)',
        slices_of_instant: 'btree (gateway, last_us)',
      },
    },
  },
  '0003_draws.sql': {
    campaigns: {
      columns: {
        rules: 'text',
        rules_hash: 'bytea generated always as hash_of_text(rules)',
        nonce: 'bytea',
        pool_root: 'bytea',
        randomness: 'bytea',
        signature: 'bytea',
        redrawn_count: 'integer not null default 0',
        redrawn_at: 'timestamp(3) with time zone',
      },
      constraints: {
        campaigns_nonce_check: 'CHECK',
        campaigns_pool: 'CHECK',
        campaigns_pool_root_check: 'CHECK',
        campaigns_randomness_check: 'CHECK',
        campaigns_redrawn: 'CHECK',
        campaigns_revealed: 'CHECK',
        campaigns_seed_revealed: 'CHECK',
        campaigns_signature: 'CHECK',
        campaigns_signature_check: 'CHECK',
      },
    },
    entrant_terms: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        user_id: 'text collate "C" not null',
        tickets: 'integer not null',
        user_group: 'text',
        excluded: 'text',
      },
      constraints: {
        entrant_terms_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        entrant_terms_excluded_check: 'CHECK',
        entrant_terms_pkey: 'PRIMARY KEY (campaign_id, user_id)',
        entrant_terms_tickets_check: 'CHECK',
        entrant_terms_user_group_check: 'CHECK',
        entrant_terms_user_id_check: 'CHECK',
      },
      triggers: {
        entrant_terms_guard:
          'CREATE TRIGGER entrant_terms_guard BEFORE INSERT OR DELETE OR UPDATE ON entrant_terms FOR EACH ROW EXECUTE FUNCTION entrant_terms_guard()',
      },
    },
    grants: {
      columns: {
        tier: 'integer',
      },
      constraints: {
        grants_tier_check: 'CHECK',
      },
    },
    alternates: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        place: 'integer not null',
        user_id: 'text collate "C" not null',
      },
      constraints: {
        alternates_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        alternates_campaign_id_user_id_fkey:
          'FOREIGN KEY (campaign_id, user_id) REFERENCES entries(campaign_id, user_id)',
        alternates_pkey: 'PRIMARY KEY (campaign_id, place)',
        alternates_place_check: 'CHECK',
        alternates_user: 'UNIQUE (campaign_id, user_id)',
      },
      triggers: {
        alternates_keep:
          'CREATE TRIGGER alternates_keep BEFORE DELETE OR UPDATE ON alternates FOR EACH ROW EXECUTE FUNCTION drawn_keep()',
      },
    },
    passed_on: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        place: 'integer not null',
        serial: 'integer not null',
        user_id: 'text collate "C" not null',
        reason: 'text not null',
        passed_on_at: 'timestamp(3) with time zone not null default now()',
      },
      constraints: {
        passed_on_campaign_id_place_fkey:
          'FOREIGN KEY (campaign_id, place) REFERENCES alternates(campaign_id, place)',
        passed_on_campaign_id_serial_fkey:
          'FOREIGN KEY (campaign_id, serial) REFERENCES grants(campaign_id, serial)',
        passed_on_pkey: 'PRIMARY KEY (campaign_id, place)',
        passed_on_reason_check: 'CHECK',
      },
      indexes: {
        passed_on_serial: 'btree (campaign_id, serial)',
      },
      triggers: {
        passed_on_keep:
          'CREATE TRIGGER passed_on_keep BEFORE DELETE OR UPDATE ON passed_on FOR EACH ROW EXECUTE FUNCTION drawn_keep()',
      },
    },
    draw_proofs: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        part: 'integer not null',
        text: 'text not null',
      },
      constraints: {
        draw_proofs_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        draw_proofs_part_check: 'CHECK',
        draw_proofs_pkey: 'PRIMARY KEY (campaign_id, part)',
      },
      triggers: {
        draw_proofs_keep:
          'CREATE TRIGGER draw_proofs_keep BEFORE DELETE OR UPDATE ON draw_proofs FOR EACH ROW EXECUTE FUNCTION drawn_keep()',
      },
    },
  },
  '0004_books.sql': {
    books: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        refused: 'text',
        bytes: 'bigint',
        made_at: 'timestamp(3) with time zone not null default now()',
      },
      constraints: {
        books_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        books_made: 'CHECK',
        books_pkey: 'PRIMARY KEY (campaign_id)',
      },
      triggers: {
        books_keep:
          'CREATE TRIGGER books_keep BEFORE DELETE OR UPDATE ON books FOR EACH ROW EXECUTE FUNCTION books_keep()',
      },
    },
    book_parts: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        part: 'integer not null',
        bytes: 'bytea not null',
      },
      constraints: {
        book_parts_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        book_parts_part_check: 'CHECK',
        book_parts_pkey: 'PRIMARY KEY (campaign_id, part)',
      },
      triggers: {
        book_parts_keep:
          'CREATE TRIGGER book_parts_keep BEFORE DELETE OR UPDATE ON book_parts FOR EACH ROW EXECUTE FUNCTION books_keep()',
      },
    },
  },
  '0005_schedule.sql': {
    campaigns: {
      columns: {
        stage: "text not null default 'scheduled'::text",
        time_zone: "text not null default 'UTC'::text",
        draws_at: 'timestamp(3) with time zone',
        paused_at: 'timestamp(3) with time zone',
        draft_terms: 'jsonb',
        cancelled_stamp: 'bigint',
        made_by: "text not null default 'operator'::text",
        closing_by: 'text',
        closing_reason: 'text',
        version: 'integer not null default 1',
        pending: 'jsonb',
      },
      constraints: {
        campaigns_archived: 'CHECK',
        campaigns_cancelled: 'CHECK',
        campaigns_cancelled_stamp_check: 'CHECK',
        campaigns_closing_by_check: 'CHECK',
        campaigns_closing_reason_check: 'CHECK',
        campaigns_draft: 'CHECK',
        campaigns_draws: 'CHECK',
        campaigns_made_by_check: 'CHECK',
        campaigns_stage_check: 'CHECK',
        campaigns_time_zone_check: 'CHECK',
        campaigns_version_check: 'CHECK',
      },
      triggers: {
        campaigns_close_version:
          'CREATE TRIGGER campaigns_close_version BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (old.closing_at IS NULL AND new.closing_at IS NOT NULL) EXECUTE FUNCTION campaigns_close_version()',
        campaigns_first_version:
          'CREATE TRIGGER campaigns_first_version AFTER INSERT ON campaigns FOR EACH ROW EXECUTE FUNCTION campaigns_first_version()',
        campaigns_schedule:
          'CREATE TRIGGER campaigns_schedule BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (old.version IS DISTINCT FROM new.version OR old.stage IS DISTINCT FROM new.stage OR old.opens_at IS DISTINCT FROM new.opens_at OR old.closes_at IS DISTINCT FROM new.closes_at OR old.draws_at IS DISTINCT FROM new.draws_at OR old.time_zone IS DISTINCT FROM new.time_zone OR old.paused_at IS DISTINCT FROM new.paused_at OR old.cancelled_stamp IS DISTINCT FROM new.cancelled_stamp) EXECUTE FUNCTION campaigns_schedule()',
      },
    },
    campaign_templates: {
      is: 'table',
      columns: {
        body: 'jsonb not null',
        made_at: 'timestamp(3) with time zone not null default now()',
        made_by: 'text not null',
        name: 'text not null',
        template_id: 'integer not null generated always as identity',
      },
      constraints: {
        campaign_templates_made_by_check: 'CHECK',
        campaign_templates_name: 'UNIQUE (name)',
        campaign_templates_name_check: 'CHECK',
        campaign_templates_pkey: 'PRIMARY KEY (template_id)',
      },
    },
    campaign_versions: {
      is: 'table',
      columns: {
        action: 'text not null',
        asked_at: 'timestamp(3) with time zone not null default now()',
        asked_by: 'text not null',
        base_version: 'integer not null',
        campaign_id: 'integer not null',
        closes_at: 'timestamp(3) with time zone not null',
        decide_by: 'timestamp(3) with time zone',
        decided_at: 'timestamp(3) with time zone',
        draws_at: 'timestamp(3) with time zone',
        opens_at: 'timestamp(3) with time zone not null',
        paused: 'boolean not null',
        places: 'integer not null',
        reason: 'text',
        refusal: 'text',
        refused: 'text',
        rules_hash: 'bytea',
        stage: 'text not null',
        state: 'text not null',
        time_zone: 'text not null',
        title: 'text not null',
        version: 'integer not null',
      },
      constraints: {
        campaign_versions_action_check: 'CHECK',
        campaign_versions_asked_by_check: 'CHECK',
        campaign_versions_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        campaign_versions_decided: 'CHECK',
        campaign_versions_pkey: 'PRIMARY KEY (campaign_id, version)',
        campaign_versions_reason_check: 'CHECK',
        campaign_versions_refused: 'CHECK',
        campaign_versions_state_check: 'CHECK',
        campaign_versions_version_check: 'CHECK',
      },
      indexes: {
        campaign_versions_pending: "unique btree (campaign_id) where state = 'pending'::text",
      },
      triggers: {
        campaign_versions_keep:
          'CREATE TRIGGER campaign_versions_keep BEFORE DELETE OR UPDATE ON campaign_versions FOR EACH ROW EXECUTE FUNCTION campaign_versions_keep()',
      },
    },
    scheduled_done: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        done_at: 'timestamp(3) with time zone not null',
        due_at: 'timestamp(3) with time zone not null',
        kind: 'text not null',
        late_ms:
          'bigint not null generated always as ((EXTRACT(epoch FROM (done_at - due_at)) * (1000)::numeric))::bigint',
        told: 'boolean not null default false',
      },
      constraints: {
        scheduled_done_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        scheduled_done_kind_check: 'CHECK',
        scheduled_done_pkey: 'PRIMARY KEY (campaign_id, kind)',
      },
      indexes: {
        scheduled_done_untold: 'btree (campaign_id, kind) where NOT told',
      },
    },
  },
  '0006_coupons.sql': {
    coupons: {
      is: 'table',
      columns: {
        amount: 'bigint',
        basis_points: 'integer',
        campaign_id: 'integer',
        categories: 'text[]',
        code: 'text collate "C"',
        coupon_id: 'integer not null generated always as identity',
        created_at: 'timestamp(3) with time zone not null default now()',
        currency: 'text',
        discount: 'text not null',
        exclusive: 'boolean not null default false',
        limit_per_user: 'integer',
        limit_total: 'integer',
        minimum_basket: 'bigint',
        products: 'text[]',
        revision: 'integer not null default 1',
        stack_cap: 'integer',
        stack_class: 'text',
        stack_order: 'integer not null default 0',
        stackable_with: 'text[]',
        used_count: 'integer not null default 0',
        valid_from: 'timestamp(3) with time zone',
        valid_until: 'timestamp(3) with time zone',
      },
      constraints: {
        coupons_amount_check: 'CHECK',
        coupons_basis_points_check: 'CHECK',
        coupons_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        coupons_campaign_id_key: 'UNIQUE (campaign_id)',
        coupons_cap: 'CHECK',
        coupons_categories_check: 'CHECK',
        coupons_code_check: 'CHECK',
        coupons_code_key: 'UNIQUE (code)',
        coupons_currency: 'CHECK',
        coupons_currency_check: 'CHECK',
        coupons_discount: 'CHECK',
        coupons_discount_check: 'CHECK',
        coupons_exclusive: 'CHECK',
        coupons_limit_per_user_check: 'CHECK',
        coupons_limit_total_check: 'CHECK',
        coupons_limits: 'CHECK',
        coupons_minimum_basket_check: 'CHECK',
        coupons_one_kind: 'CHECK',
        coupons_pkey: 'PRIMARY KEY (coupon_id)',
        coupons_products_check: 'CHECK',
        coupons_stack_cap_check: 'CHECK',
        coupons_stackable_with_check: 'CHECK',
        coupons_used: 'CHECK',
        coupons_window: 'CHECK',
      },
      indexes: {
        coupons_stack_class: 'btree (stack_class) where stack_class IS NOT NULL',
      },
      triggers: {
        coupons_before_grants:
          'CREATE TRIGGER coupons_before_grants BEFORE INSERT ON coupons FOR EACH ROW WHEN (new.campaign_id IS NOT NULL) EXECUTE FUNCTION coupons_before_grants()',
        coupons_guard:
          'CREATE TRIGGER coupons_guard BEFORE UPDATE OF campaign_id, code, discount, basis_points, amount, currency, valid_from, valid_until, minimum_basket, products, categories, limit_total, limit_per_user, stack_class, exclusive, stackable_with, stack_order, stack_cap, created_at ON coupons FOR EACH ROW EXECUTE FUNCTION coupons_guard()',
      },
    },
    redemptions: {
      is: 'table',
      columns: {
        basket: 'text not null',
        created_at: 'timestamp(3) with time zone not null',
        expires_at: 'timestamp(3) with time zone',
        pricing: 'text not null',
        redeemed_at: 'timestamp(3) with time zone',
        redemption_id: 'bigint not null generated always as identity',
        released_at: 'timestamp(3) with time zone',
        state: 'text not null',
        user_id: 'text collate "C" not null',
      },
      constraints: {
        redemptions_held: 'CHECK',
        redemptions_pkey: 'PRIMARY KEY (redemption_id)',
        redemptions_redeemed: 'CHECK',
        redemptions_released: 'CHECK',
        redemptions_state_check: 'CHECK',
      },
    },
    redemption_uses: {
      is: 'table',
      columns: {
        code: 'text collate "C" not null',
        coupon_id: 'integer not null',
        given_back_at: 'timestamp(3) with time zone',
        held_until: 'timestamp(3) with time zone',
        redemption_id: 'bigint not null',
        user_id: 'text collate "C" not null',
      },
      constraints: {
        redemption_uses_coupon_id_fkey: 'FOREIGN KEY (coupon_id) REFERENCES coupons(coupon_id)',
        redemption_uses_held: 'CHECK',
        redemption_uses_pkey: 'PRIMARY KEY (redemption_id, coupon_id)',
        redemption_uses_redemption_id_fkey:
          'FOREIGN KEY (redemption_id) REFERENCES redemptions(redemption_id)',
      },
      indexes: {
        redemption_uses_coupon: 'btree (coupon_id, user_id) where given_back_at IS NULL',
        redemption_uses_held: 'btree (coupon_id, held_until) where held_until IS NOT NULL',
      },
    },
    refunds: {
      is: 'table',
      columns: {
        redemption_id: 'bigint not null',
        refund: 'text not null',
        refund_number: 'integer not null',
        refunded_at: 'timestamp(3) with time zone not null',
      },
      constraints: {
        refunds_pkey: 'PRIMARY KEY (redemption_id, refund_number)',
        refunds_redemption_id_fkey: 'FOREIGN KEY (redemption_id) REFERENCES redemptions(redemption_id)',
        refunds_refund_number_check: 'CHECK',
      },
    },
    shop_requests: {
      is: 'table',
      columns: {
        asked_at: 'timestamp(3) with time zone not null default now()',
        idempotency_key: 'text collate "C" not null',
        redemption_id: 'bigint not null',
        refund_number: 'integer',
        request_hash: 'bytea not null',
      },
      constraints: {
        shop_requests_idempotency_key_check: 'CHECK',
        shop_requests_pkey: 'PRIMARY KEY (idempotency_key)',
        shop_requests_request_hash_check: 'CHECK',
      },
    },
    coupon_codes: {
      is: 'view',
      columns: {
        code: 'text collate "C"',
        coupon_id: 'integer',
        holder: 'text collate "C"',
      },
    },
  },
  '0007_hearing.sql': {
    hearing: {
      is: 'table',
      columns: {
        one_row: 'boolean not null default true',
        heard_ms: 'bigint not null default 0',
        through_ms: 'bigint not null default 0',
      },
      constraints: {
        hearing_heard_ms_check: 'CHECK',
        hearing_one_row_check: 'CHECK',
        hearing_pkey: 'PRIMARY KEY (one_row)',
      },
    },
  },
  '0008_claims.sql': {
    campaigns: {
      columns: {
        claim_within_s: "integer generated always as (((rules)::jsonb ->> 'claim_within_s'::text))::integer",
        waitlist:
          "integer not null generated always as COALESCE((((rules)::jsonb ->> 'waitlist'::text))::integer, 0)",
        waitlisted_count: 'integer not null default 0',
        move_count: 'integer not null default 0',
        unheard_us: 'bigint not null default 0',
        unheard_seen_us: 'bigint',
        decided_at: 'timestamp(3) with time zone',
      },
      constraints: {
        campaigns_unheard_us_check: 'CHECK',
        campaigns_waitlisted: 'CHECK',
      },
    },
    claims: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        user_id: 'text collate "C" not null',
        stamp: 'bigint not null',
        decided: 'boolean not null default false',
      },
      constraints: {
        claims_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        claims_pkey: 'PRIMARY KEY (campaign_id, user_id)',
        claims_stamp_check: 'CHECK',
      },
    },
    claimants: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        number: 'integer not null',
        user_id: 'text collate "C" not null',
        place: 'integer',
        state: 'text not null',
        serial: 'integer',
        offered_us: 'bigint',
        claim_by_us: 'bigint',
        ended_us: 'bigint',
        ended_early: 'text',
        move_number: 'integer not null default 0',
        is_passed_on: 'boolean not null default false',
      },
      constraints: {
        claimants_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        claimants_campaign_id_serial_fkey:
          'FOREIGN KEY (campaign_id, serial) REFERENCES grants(campaign_id, serial)',
        claimants_campaign_id_user_id_fkey:
          'FOREIGN KEY (campaign_id, user_id) REFERENCES entries(campaign_id, user_id)',
        claimants_ended: 'CHECK',
        claimants_ended_early_check: 'CHECK',
        claimants_number_check: 'CHECK',
        claimants_offered: 'CHECK',
        claimants_passed_on: 'CHECK',
        claimants_pkey: 'PRIMARY KEY (campaign_id, number)',
        claimants_place_check: 'CHECK',
        claimants_state_check: 'CHECK',
        claimants_user: 'UNIQUE (campaign_id, user_id)',
        claimants_waits: 'CHECK',
      },
      indexes: {
        claimants_due: "btree (campaign_id, claim_by_us) where state = 'offered'::text",
        claimants_freed:
          "btree (campaign_id, move_number) where (state = ANY (ARRAY['lapsed'::text, 'declined'::text])) AND NOT is_passed_on",
        claimants_holder:
          "unique btree (campaign_id, serial) where state = ANY (ARRAY['offered'::text, 'claimed'::text])",
        claimants_next: "btree (campaign_id, place) where state = 'waitlisted'::text",
      },
      triggers: {
        claimants_guard:
          'CREATE TRIGGER claimants_guard BEFORE UPDATE ON claimants FOR EACH ROW EXECUTE FUNCTION claimants_guard()',
      },
    },
    claimant_moves: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        move_number: 'integer not null',
        number: 'integer not null',
        state: 'text not null',
        serial: 'integer',
        at_us: 'bigint not null',
      },
      constraints: {
        claimant_moves_campaign_id_number_fkey:
          'FOREIGN KEY (campaign_id, number) REFERENCES claimants(campaign_id, number)',
        claimant_moves_move_number_check: 'CHECK',
        claimant_moves_pkey: 'PRIMARY KEY (campaign_id, move_number)',
        claimant_moves_state_check: 'CHECK',
      },
      triggers: {
        claimant_moves_keep:
          'CREATE TRIGGER claimant_moves_keep BEFORE DELETE OR UPDATE ON claimant_moves FOR EACH ROW EXECUTE FUNCTION drawn_keep()',
      },
    },
  },
  '0009_room.sql': {
    campaigns: { constraints: { campaigns_kind_check: 'CHECK' } },
    entry_outcomes: {
      is: 'view',
      columns: {
        campaign_id: 'integer',
        user_id: 'text collate "C"',
        stamp: 'bigint',
        outcome: 'text',
        serial: 'integer',
        code: 'text',
        granted_at: 'timestamp(3) with time zone',
        claim_by_us: 'bigint',
        ended_us: 'bigint',
      },
    },
    rooms: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        version: 'integer not null default 1',
        per_second: 'double precision not null',
        capacity: 'integer',
        paused: 'boolean not null default false',
        grace_ms: 'integer not null',
        pass_ms: 'integer not null',
        visit_ms: 'integer',
        single_use: 'boolean not null',
        next_us: 'bigint not null default 0',
        recent: "jsonb not null default '[]'::jsonb",
        taken_stamp: "bigint not null default '-1'::integer",
        heard_ms: 'bigint not null default 0',
        heard_at_ms: 'bigint not null default 0',
        heard_moved_us: 'bigint not null default 0',
        empty_since_ms: 'bigint',
        busy_us: 'bigint not null default 0',
        busy_since_us: 'bigint',
      },
      constraints: {
        rooms_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        rooms_capacity_check: 'CHECK',
        rooms_grace_ms_check: 'CHECK',
        rooms_pass_ms_check: 'CHECK',
        rooms_per_second_check: 'CHECK',
        rooms_pkey: 'PRIMARY KEY (campaign_id)',
        rooms_visit_ms_check: 'CHECK',
      },
    },
    room_terms: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        version: 'integer not null',
        per_second: 'double precision not null',
        capacity: 'integer',
        paused: 'boolean not null',
        set_at: 'timestamp(3) with time zone not null default now()',
      },
      constraints: {
        room_terms_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES rooms(campaign_id)',
        room_terms_pkey: 'PRIMARY KEY (campaign_id, version)',
      },
    },
    room_people: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        user_id: 'text collate "C" not null',
        stamp: 'bigint',
        state: "text not null default 'waiting'::text",
        incarnations: "bigint[] not null default '{}'::bigint[]",
        absent_since_ms: 'bigint',
        serial: 'integer',
        admitted_us: 'bigint',
        due_ms: 'bigint',
        session: 'text',
      },
      constraints: {
        room_people_absent: 'CHECK',
        room_people_admitted: 'CHECK',
        room_people_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        room_people_campaign_id_serial_fkey:
          'FOREIGN KEY (campaign_id, serial) REFERENCES grants(campaign_id, serial)',
        room_people_pkey: 'PRIMARY KEY (campaign_id, user_id)',
        room_people_serial: 'UNIQUE (campaign_id, serial)',
        room_people_state_check: 'CHECK',
      },
      indexes: {
        room_people_absent_since:
          "btree (campaign_id, absent_since_ms) where state = 'waiting'::text AND stamp IS NOT NULL",
        room_people_due:
          "btree (campaign_id, due_ms) where state = ANY (ARRAY['admitted'::text, 'inside'::text])",
        room_people_line: "btree (campaign_id, stamp) where state = 'waiting'::text AND stamp IS NOT NULL",
        room_people_present:
          "btree (campaign_id) where state = 'waiting'::text AND stamp IS NOT NULL AND absent_since_ms IS NULL",
      },
      triggers: {
        room_people_guard:
          'CREATE TRIGGER room_people_guard BEFORE UPDATE ON room_people FOR EACH ROW EXECUTE FUNCTION room_people_guard()',
      },
    },
    room_moves: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        gone_number: 'integer not null',
        user_id: 'text collate "C" not null',
        move: 'text not null',
      },
      constraints: {
        room_moves_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES rooms(campaign_id)',
        room_moves_campaign_id_user_id_fkey:
          'FOREIGN KEY (campaign_id, user_id) REFERENCES room_people(campaign_id, user_id)',
        room_moves_gone_number_check: 'CHECK',
        room_moves_move_check: 'CHECK',
        room_moves_pkey: 'PRIMARY KEY (campaign_id, gone_number)',
      },
    },
    presence_log: {
      is: 'table',
      columns: {
        one_row: 'boolean not null default true',
        epoch: 'bigint not null default 0',
        position: "text not null default '0-0'::text",
      },
      constraints: {
        presence_log_one_row_check: 'CHECK',
        presence_log_pkey: 'PRIMARY KEY (one_row)',
      },
    },
    presence_gateways: {
      is: 'table',
      columns: {
        incarnation: 'bigint not null',
      },
      constraints: {
        presence_gateways_pkey: 'PRIMARY KEY (incarnation)',
      },
    },
  },
  '0010_log_writers.sql': {
    log_writers: {
      is: 'table',
      columns: {
        log_name: 'text not null',
        token: 'text not null',
        gateway: 'integer not null',
        prepared_at: 'timestamp(3) with time zone not null default now()',
        retired_at: 'timestamp(3) with time zone',
      },
      constraints: {
        log_writers_gateway_check: 'CHECK',
        log_writers_pkey: 'PRIMARY KEY (log_name, token)',
      },
      indexes: {
        log_writers_open: 'btree (log_name, gateway) where retired_at IS NULL',
      },
    },
    watermarks: {
      columns: {
        epoch: 'bigint not null default 0',
      },
      constraints: {
        watermarks_epoch_check: 'CHECK',
      },
    },
  },
  '0011_outages.sql': {
    outages: {
      is: 'table',
      columns: {
        from_ms: 'bigint not null',
        to_ms: 'bigint not null',
        unheard_ms: 'bigint not null',
      },
      constraints: {
        outages_order: 'CHECK',
        outages_pkey: 'PRIMARY KEY (from_ms)',
        outages_unheard_ms_key: 'UNIQUE (unheard_ms)',
      },
    },
    hearing: {
      triggers: {
        hearing_outage:
          'CREATE TRIGGER hearing_outage AFTER UPDATE ON hearing FOR EACH ROW EXECUTE FUNCTION hearing_outage()',
      },
    },
    campaigns: {
      triggers: {
        campaigns_unheard:
          'CREATE TRIGGER campaigns_unheard BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (new.unheard_us > old.unheard_us) EXECUTE FUNCTION campaigns_unheard()',
      },
    },
    claimants: {
      columns: {
        deadline_moved: 'boolean not null default false',
      },
      triggers: {
        claimants_deadline:
          "CREATE TRIGGER claimants_deadline BEFORE INSERT OR UPDATE ON claimants FOR EACH ROW WHEN (new.state = 'offered'::text) EXECUTE FUNCTION claimants_deadline()",
      },
    },
  },
  '0012_drawing_done.sql': {
    campaigns: {
      triggers: {
        campaigns_done:
          'CREATE TRIGGER campaigns_done AFTER UPDATE ON campaigns FOR EACH ROW WHEN (old.frozen_at IS NULL AND new.frozen_at IS NOT NULL OR old.decided_at IS NULL AND new.decided_at IS NOT NULL OR old.finished_at IS NULL AND new.finished_at IS NOT NULL) EXECUTE FUNCTION campaigns_done()',
      },
    },
  },
  '0013_clock_trusts.sql': {
    clock_trusts: {
      is: 'table',
      columns: {
        trust_id: 'bigint not null generated always as identity',
        said_at: 'timestamp(3) with time zone not null default now()',
        said_by: 'text not null',
        reason: 'text',
        ahead_of: 'text not null',
        ahead_ms: 'bigint not null',
        postgres_ms: 'bigint not null',
        engine_ms: 'bigint not null',
        accepted_ms: 'bigint not null',
        ended_at: 'timestamp(3) with time zone',
        ended: 'text',
      },
      constraints: {
        clock_trusts_ahead_of_check: 'CHECK',
        clock_trusts_end: 'CHECK',
        clock_trusts_ended_check: 'CHECK',
        clock_trusts_pkey: 'PRIMARY KEY (trust_id)',
      },
      indexes: {
        clock_trusts_open: 'unique btree ((ended_at IS NULL)) where ended_at IS NULL',
      },
    },
  },
  '0014_log_writers_epoch.sql': {
    log_writers: {
      columns: {
        epoch: 'bigint not null default 0',
      },
      constraints: {
        log_writers_epoch_check: 'CHECK',
      },
    },
  },
  '0015_rules_lock.sql': {
    entries: {
      triggers: {
        entries_hold_campaign:
          'CREATE TRIGGER entries_hold_campaign AFTER INSERT ON entries REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION entries_hold_campaign()',
      },
    },
  },
  '0016_terms_close.sql': {
    campaigns: {
      columns: {
        drand_round: 'bigint',
      },
      constraints: {
        campaigns_drand_round: 'CHECK',
        campaigns_drand_round_check: 'CHECK',
      },
      triggers: {
        campaigns_round_once:
          'CREATE TRIGGER campaigns_round_once BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (old.seed IS NOT NULL AND new.drand_round IS DISTINCT FROM old.drand_round) EXECUTE FUNCTION campaigns_round_once()',
      },
    },
  },
  '0017_heads_order.sql': {
    slices: {
      indexes: {
        slices_as_shown: 'btree (first_us, gateway, incarnation, slice_number)',
      },
    },
  },
  '0018_shelved.sql': {
    campaigns: {
      columns: {
        shelved_at: 'timestamp(3) with time zone',
      },
      constraints: {
        campaigns_shelved: 'CHECK',
      },
      indexes: {
        campaigns_off_shelf: 'btree (campaign_id) where shelved_at IS NULL',
        campaigns_shelved_last: 'btree (shelved_at) where shelved_at IS NOT NULL',
      },
      triggers: {
        campaigns_shelved_once:
          'CREATE TRIGGER campaigns_shelved_once BEFORE UPDATE ON campaigns FOR EACH ROW WHEN (old.shelved_at IS NOT NULL AND new.shelved_at IS DISTINCT FROM old.shelved_at) EXECUTE FUNCTION campaigns_shelved_once()',
      },
    },
    rank_marks: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        stamp: 'bigint not null',
        rank: 'bigint not null',
      },
      constraints: {
        rank_marks_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        rank_marks_pkey: 'PRIMARY KEY (campaign_id, stamp)',
        rank_marks_rank_check: 'CHECK',
      },
    },
  },
  '0019_archives.sql': {
    archives: {
      is: 'table',
      columns: {
        campaign_id: 'integer not null',
        file: 'text not null',
        sha256: 'bytea not null',
        counts: 'jsonb not null',
        totals: 'jsonb not null',
        written_at: 'timestamp(3) with time zone not null default now()',
        emptied_at: 'timestamp(3) with time zone',
        slices_kept: 'integer not null default 0',
      },
      constraints: {
        archives_campaign_id_fkey: 'FOREIGN KEY (campaign_id) REFERENCES campaigns(campaign_id)',
        archives_file_check: 'CHECK',
        archives_pkey: 'PRIMARY KEY (campaign_id)',
        archives_sha256_check: 'CHECK',
      },
    },
    slices: {
      columns: {
        items: 'bytea',
      },
    },
  },
  '0020_claims_turn.sql': {
    claims: {
      indexes: {
        claims_undecided: 'btree (campaign_id, stamp) where NOT decided',
      },
    },
  },
  '0021_bounded_turns.sql': {
    withdrawals: {
      indexes: {
        withdrawals_undecided: 'btree (campaign_id, stamp) where honoured IS NULL',
      },
    },
    room_people: {
      indexes: {
        room_people_back:
          "btree (campaign_id, stamp) where state = 'skipped'::text AND absent_since_ms IS NULL",
      },
    },
  },
  '0022_room_archives.sql': {
    room_moves: {
      indexes: {
        room_moves_user: 'btree (campaign_id, user_id)',
      },
    },
  },
  '0023_offers_end.sql': {
    claimants: {
      columns: {
        ending_us: 'bigint',
      },
      constraints: {
        claimants_ending: 'CHECK',
      },
      indexes: {
        claimants_begun_ends: "btree (campaign_id) where state = 'offered'::text AND ending_us IS NOT NULL",
      },
    },
  },
};
